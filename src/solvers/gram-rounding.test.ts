import { describe, expect, it } from 'vitest'
import { createReferenceKernels, createWasmKernelsSync } from '../kernels/index.ts'
import { type GramRounding, type RoundedRows, roundRows, shrinkage } from './gram-rounding.ts'

const DEPTH = 12
const wave = (i: number, by: number): number => Math.sin(i * by + by) + 0.3 * Math.cos(i * 2.7)

/** Second moments of columns that move together. */
function gramOf(groups: number): Float32Array {
  const gram = new Float32Array(groups * DEPTH * DEPTH)
  for (let g = 0; g < groups; g++) {
    for (let row = 0; row < 60; row++) {
      const x = Array.from({ length: DEPTH }, (_, i) => 2 * wave(row, 0.7 + g) + 0.4 * wave(row * DEPTH + i, 1.9))
      for (let i = 0; i < DEPTH; i++) {
        for (let j = 0; j < DEPTH; j++) gram[(g * DEPTH + i) * DEPTH + j]! += (x[i]! * x[j]!) / 60
      }
    }
  }
  return gram
}

const values = Float32Array.from({ length: 6 * DEPTH }, (_, i) => wave(i, 1.1))
const ask: GramRounding = { values, groups: 2, depth: DEPTH, gram: gramOf(2), most: 7 }

function errorOf({ codes, scales }: RoundedRows, { gram }: GramRounding): number {
  let sum = 0
  for (let row = 0; row < 6; row++) {
    const e = Array.from({ length: DEPTH }, (_, i) => values[row * DEPTH + i]! - codes[row * DEPTH + i]! * scales[row]!)
    const base = row < 3 ? 0 : DEPTH * DEPTH
    for (let i = 0; i < DEPTH; i++) for (let j = 0; j < DEPTH; j++) sum += e[i]! * e[j]! * gram[base + i * DEPTH + j]!
  }
  return sum
}

describe('rounding on second moments', () => {
  it('lowers the error of products far below that of nearest codes, and says by how much', () => {
    const found = roundRows(ask, createWasmKernelsSync())
    const nearest = roundRows({ ...ask, sweeps: 0 }, createWasmKernelsSync())
    expect(errorOf(found, ask)).toBeLessThan(0.4 * errorOf(nearest, ask))
    expect(found.error).toBeLessThan(found.nearestError)
    expect(Math.abs(found.error - errorOf(found, ask)) / found.error).toBeLessThan(0.2)
    expect(Math.max(...found.codes.map(Math.abs))).toBeLessThanOrEqual(7)
  })
  it('gives the bits of the twins', () => {
    const more: GramRounding = { ...ask, drift: gramOf(2).map((one) => one * 0.1), shrink: 0.1, floor: 1e-4 }
    expect(roundRows(more, createReferenceKernels())).toEqual(roundRows(more, createWasmKernelsSync()))
  })
  it('believes nothing beside the diagonal when nothing was seen: nearest codes', () => {
    const shrink = shrinkage(0, DEPTH)
    expect(shrink).toBe(1)
    const found = roundRows({ ...ask, shrink }, createWasmKernelsSync())
    expect(found.codes).toEqual(roundRows({ ...ask, sweeps: 0 }, createWasmKernelsSync()).codes)
  })
  it('takes back what rounding in front of it did: inputs a tenth too small', () => {
    const drift = ask.gram.map((one) => one * 0.1)
    const found = roundRows({ ...ask, most: 127, drift }, createWasmKernelsSync())
    let [dot, energy] = [0, 0]
    for (let row = 0; row < 6; row++) {
      const base = row < 3 ? 0 : DEPTH * DEPTH
      for (let i = 0; i < DEPTH; i++) {
        const pull = Array.from({ length: DEPTH }, (_, j) => ask.gram[base + i * DEPTH + j]! * values[row * DEPTH + j]!)
        const product = pull.reduce((a, b) => a + b, 0)
        dot += found.codes[row * DEPTH + i]! * found.scales[row]! * product
        energy += values[row * DEPTH + i]! * product
      }
    }
    expect(dot / energy).toBeGreaterThan(1.05)
    expect(dot / energy).toBeLessThan(1.11)
  })
  it('keeps neighbours of one sign within a limit, in the order of the sum', () => {
    const order = Int32Array.from({ length: DEPTH }, (_, i) => (i * 5) % DEPTH)
    const found = roundRows({ ...ask, most: 127, pairs: { order, limit: 128 } }, createWasmKernelsSync())
    let worst = 0
    for (let row = 0; row < 6; row++) {
      for (let at = 1; at < DEPTH; at++) {
        const [a, b] = [found.codes[row * DEPTH + order[at - 1]!]!, found.codes[row * DEPTH + order[at]!]!]
        if (a * b > 0) worst = Math.max(worst, Math.abs(a + b))
      }
    }
    expect(worst).toBeLessThanOrEqual(128)
    expect(worst).toBeGreaterThan(100)
  })
  it('scales are never below what they have to be', () => {
    const least = new Float32Array(6).fill(3)
    expect([...roundRows({ ...ask, least }, createWasmKernelsSync()).scales]).toEqual([3, 3, 3, 3, 3, 3])
  })
})
