import { OBSERVED_RUN_BYTES } from '../../model/observe-kernels.ts'
import type { Arena } from './arena.ts'
import { folded } from './double-lanes.ts'

const { fround, imul } = Math
const LANES = 8
const BLOCK = 16
/** 2^32 divided by the golden ratio: its multiples spread evenly. */
const SPREAD = 0x9e3779b9

export function observeRuns(arena: Arena, src: number, runs: number, length: number, out: number): void {
  const { f32, f64 } = arena
  const sums = new Float64Array(LANES)
  const energies = new Float64Array(LANES)
  for (let run = 0, start = src / 4; run < runs; run++, start += length) {
    let min = Number.POSITIVE_INFINITY
    let max = Number.NEGATIVE_INFINITY
    sums.fill(0)
    energies.fill(0)
    for (let i = 0; i < length; i++) {
      const x = f32[start + i]!
      if (x < min) min = x
      if (x > max) max = x
      sums[i % LANES]! += x
      energies[i % LANES]! += x * x
    }
    const energy = folded(energies)
    const finite = energy < Number.POSITIVE_INFINITY
    const at = out + run * OBSERVED_RUN_BYTES
    f32[at / 4] = min + 0
    f32[at / 4 + 1] = max + 0
    f64[at / 8 + 1] = finite ? folded(sums) : 0
    f64[at / 8 + 2] = finite ? energy : Number.POSITIVE_INFINITY
  }
}

export function observeColumns(
  arena: Arena,
  src: number,
  rows: number,
  columns: number,
  min: number,
  max: number,
  sum: number,
  squares: number,
): void {
  const { f32, f64 } = arena
  for (let row = 0, at = src / 4; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const x = f32[at]!
      if (x < f32[min / 4 + column]!) f32[min / 4 + column] = x
      if (x > f32[max / 4 + column]!) f32[max / 4 + column] = x
      f64[sum / 8 + column]! += x
      f64[squares / 8 + column]! += x * x
    }
  }
}

export function sampleBlocks(
  { f32 }: Arena,
  src: number,
  groups: number,
  shift: number,
  first: number,
  dst: number,
): void {
  for (let group = 0; group < groups; group++) {
    const block = imul(first + group, SPREAD) >>> (32 - shift)
    const from = src / 4 + (group * 2 ** shift + block) * BLOCK
    f32.copyWithin(dst / 4 + group * BLOCK, from, from + BLOCK)
  }
}

export function countBins(
  { f32, u32 }: Arena,
  src: number,
  count: number,
  perUnit: number,
  first: number,
  bins: number,
  binCount: number,
): number {
  let zeros = 0
  for (let i = 0; i < count; i++) {
    const x = f32[src / 4 + i]!
    const place = fround(x * perUnit)
    if (x === 0) zeros++
    const floor = place === 0 && x < 0 ? -1 : Math.floor(place)
    const whole = Math.max(Math.min(floor, 2147483647), -2147483648)
    const bin = Math.min((whole - first) | 0, binCount - 1)
    u32[bins / 4 + (bin > 0 ? bin : 0)]! += 1
  }
  return zeros
}
