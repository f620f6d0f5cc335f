import { ScaleRule } from '../../model/kernels.ts'
import type { Arena } from './arena.ts'
import { settleScale } from './scale.ts'

const { fround } = Math

/** The closed-form scale of `count` values from element `start`. */
export function blockScale(
  f32: Float32Array,
  start: number,
  count: number,
  rule: ScaleRule,
  up: number,
  down: number,
  halfScales: 0 | 1,
): number {
  if (rule === ScaleRule.Reach || rule === ScaleRule.Signed) {
    return reachScale(f32, start, count, rule === ScaleRule.Signed, up, down, halfScales)
  }
  let mean = sumBeyond(f32, start, count, -1).sum / count
  if (rule === ScaleRule.MeanBeyond) {
    const kept = sumBeyond(f32, start, count, fround(mean * 0.7))
    mean = kept.many === 0 ? 0 : kept.sum / kept.many
  }
  return settleScale(fround(mean), halfScales)
}

function reachScale(
  f32: Float32Array,
  start: number,
  count: number,
  signed: boolean,
  up: number,
  down: number,
  halfScales: 0 | 1,
): number {
  let min = 0
  let max = 0
  for (let i = start; i < start + count; i++) {
    const x = f32[i]!
    if (x < min) min = x
    if (x > max) max = x
  }
  if (signed && up !== down) {
    const extreme = max > -min ? max : min
    return settleScale(fround(extreme / (down > up ? -down : up)), halfScales)
  }
  const forMax = up > 0 ? fround(max / up) : 0
  const forMin = down > 0 ? fround(-min / down) : 0
  return settleScale(Math.max(forMax, forMin, 0), halfScales)
}

/**
 * How many magnitudes lie above `threshold`, and their sum: of every 16 values, lanes i, i + 4, i + 8, i + 12 in f32; these four in f64,
 * at the end (l0 + l2) + (l1 + l3).
 */
function sumBeyond(f32: Float32Array, start: number, count: number, threshold: number): { sum: number; many: number } {
  const lanes = new Float64Array(4)
  const sixteen = new Float32Array(16)
  let many = 0
  for (let top = 0; top < count; top += 16) {
    for (let i = 0; i < 16; i++) {
      const x = top + i < count ? Math.abs(f32[start + top + i]!) : 0
      const isKept = top + i < count && x > threshold
      if (isKept) many++
      sixteen[i] = isKept ? x : 0
    }
    for (let i = 0; i < 4; i++) {
      const [a, b, c, d] = [sixteen[i]!, sixteen[i + 4]!, sixteen[i + 8]!, sixteen[i + 12]!]
      lanes[i]! += fround(fround(a + b) + fround(c + d))
    }
  }
  return { sum: lanes[0]! + lanes[2]! + (lanes[1]! + lanes[3]!), many }
}

export function fitScaleRows(
  arena: Arena,
  src: number,
  stride: number,
  rows: number,
  columns: number,
  block: number,
  rule: ScaleRule,
  up: number,
  down: number,
  halfScales: 0 | 1,
  scales: number,
): void {
  const { f32 } = arena
  let at = scales / 4
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += block) {
      const count = Math.min(block, columns - column)
      f32[at++] = blockScale(f32, src / 4 + row * stride + column, count, rule, up, down, halfScales)
    }
  }
}
