import type { Arena } from './arena.ts'
import { folded } from './double-lanes.ts'
import { roundEven } from './scale.ts'

const CANDIDATES = 16
const LEAST_PART = 0.7
const STRETCH = 256
const LEAST_SEARCHED = 2.350988701644575e-38
const LANES = 8
const { abs, fround, max, min } = Math

export function roundRows(
  arena: Arena,
  src: number,
  rows: number,
  length: number,
  most: number,
  search: number,
  least: number,
  scales: number,
  codes: number,
  sums: number,
): number {
  const { f32 } = arena
  for (let row = 0; row < rows; row++) {
    const values = f32.subarray(src / 4 + row * length, src / 4 + (row + 1) * length)
    const extreme = values.reduce((most, value) => max(most, abs(value)), 0)
    if (!(extreme < Number.POSITIVE_INFINITY)) return row
    const floor = least === 0 ? 0 : f32[least / 4 + row]!
    const full = max(extreme > 0 ? fround(extreme / most) : 1, floor)
    const scale = search && full >= LEAST_SEARCHED ? searched(values, most, full, floor) : full
    f32[scales / 4 + row] = scale
    encode(arena, values, most, scale, codes + row * length, sums / 8 + 3 * row)
    arena.f64[sums / 8 + 3 * row + 2] = full
  }
  return -1
}

function searched(values: Float32Array, most: number, full: number, floor: number): number {
  let error = Number.POSITIVE_INFINITY
  let best = full
  for (let step = CANDIDATES; step >= 0; step--) {
    const part = LEAST_PART + ((1 - LEAST_PART) * step) / CANDIDATES
    const candidate = max(fround(full * part), floor)
    const sum = errorOf(values, candidate, most, error)
    if (sum >= error) continue
    error = sum
    best = candidate
  }
  return best
}

function errorOf(values: Float32Array, scale: number, most: number, enough: number): number {
  const inverse = fround(1 / scale)
  const lanes = new Float32Array(LANES)
  let sum = 0
  for (let start = 0; start < values.length && !(sum >= enough); start += STRETCH) {
    lanes.fill(0)
    const end = min(start + STRETCH, values.length)
    for (let i = start; i < end; i++) {
      const code = max(min(roundEven(fround(values[i]! * inverse)), most), -most)
      const left = fround(values[i]! - fround(scale * code))
      lanes[i % LANES] = fround(lanes[i % LANES]! + fround(left * left))
    }
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => fround(lanes[lane]! + lanes[lane + 4]!)) as [
      number,
      number,
      number,
      number,
    ]
    sum += fround(a + c) + fround(b + d)
  }
  return sum
}

function encode(
  { u8, f64 }: Arena,
  values: Float32Array,
  most: number,
  scale: number,
  codes: number,
  sums: number,
): void {
  const errors = new Float64Array(LANES)
  const energies = new Float64Array(LANES)
  for (const [i, value] of values.entries()) {
    const code = max(min(roundEven(value / scale), most), -most)
    const left = value - fround(code * scale)
    errors[i % LANES]! += left * left
    energies[i % LANES]! += value * value
    u8[codes + i] = code
  }
  f64[sums] = folded(errors)
  f64[sums + 1] = folded(energies)
}

export function shiftRows(
  { u8, f32, f64 }: Arena,
  src: number,
  codes: number,
  flip: number,
  rows: number,
  inputs: number,
  positions: number,
  scales: number,
  means: number,
  perGroup: number,
  shifts: number,
): void {
  for (let row = 0, at = 0; row < rows; row++) {
    const scale = f32[scales / 4 + row]!
    const first = means / 8 + Math.floor(row / perGroup) * inputs
    let shift = 0
    for (let input = 0; input < inputs; input++) {
      let change = 0
      for (let position = 0; position < positions; position++, at++) {
        const code = ((u8[codes + at]! ^ flip) << 24) >> 24
        change += fround(code * scale) - f32[src / 4 + at]!
      }
      shift += change * f64[first + input]!
    }
    f64[shifts / 8 + row] = shift
  }
}
