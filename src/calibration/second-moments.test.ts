import { describe, expect, it } from 'vitest'
import { createReferenceKernels, createWasmKernelsSync } from '../kernels/index.ts'
import type { Kernels } from '../model/kernels.ts'
import { rowStride, SecondMoments } from './second-moments.ts'

const ROWS = 150
const DEPTH = 5
const stride = 7

/** Means far from 0, so that sums in f32 around 0 would show. */
const rounded = Float32Array.from({ length: ROWS * stride }, (_, i) => 100 + Math.sin(i * 1.3) + (i % 7))
const floats = rounded.map((x, i) => x + 0.1 * Math.cos(i))

function momentsBy(kernels: Kernels, parts: readonly number[]): SecondMoments {
  const moments = new SecondMoments(2, DEPTH, true, kernels)
  let from = 0
  for (const rows of parts) {
    const [a, b] = [rounded, floats].map((all) => all.subarray(from * stride, (from + rows) * stride))
    moments.add(1, a!, b!, rows, stride)
    from += rows
  }
  return moments
}

function meanOf(of: (row: number) => number): number {
  let sum = 0
  for (let row = 0; row < ROWS; row++) sum += of(row)
  return sum / ROWS
}

describe('second moments of rows', () => {
  it('are the covariances, and E[xq (x - xq)^T], around the means or around 0', () => {
    const moments = momentsBy(createWasmKernelsSync(), [100, 3, 47])
    const x = (row: number, i: number) => floats[row * stride + i]!
    const xq = (row: number, i: number) => rounded[row * stride + i]!
    for (const centred of [true, false]) {
      const { mean, meanFloat, gram, drift, count } = moments.facts(centred)
      expect(count).toBe(ROWS)
      for (let i = 0; i < DEPTH; i++) {
        const own = meanOf((row) => xq(row, i))
        expect(mean[DEPTH + i]).toBeCloseTo(own, 6)
        expect(meanFloat[DEPTH + i]).toBeCloseTo(
          meanOf((row) => x(row, i)),
          6,
        )
        const around = centred ? own : 0
        for (let j = 0; j < DEPTH; j++) {
          const other = centred ? meanOf((row) => xq(row, j)) : 0
          const gap = centred ? meanOf((row) => x(row, j) - xq(row, j)) : 0
          const at = (DEPTH + i) * DEPTH + j
          const wanted = meanOf((row) => (xq(row, i) - around) * (xq(row, j) - other))
          const crossed = meanOf((row) => (xq(row, i) - around) * (x(row, j) - xq(row, j) - gap))
          expect(Math.abs(gram[at]! - wanted)).toBeLessThan(centred ? 1e-4 : 2e-3)
          expect(Math.abs(drift![at]! - crossed)).toBeLessThan(centred ? 1e-4 : 2e-3)
        }
      }
    }
  })
  it('have the bits of the twins, whoever used the memory of the kernels in between', () => {
    const wasm = createWasmKernelsSync()
    const moments = momentsBy(wasm, [64, 86])
    new Uint8Array(wasm.memory).fill(1, wasm.reserve(64))
    expect(moments.facts(true)).toEqual(momentsBy(createReferenceKernels(), [64, 86]).facts(true))
  })
  it('strides are odd multiples of 8', () => {
    expect([1, 8, 9, 16, 960].map(rowStride)).toEqual([8, 8, 24, 24, 968])
  })
})
