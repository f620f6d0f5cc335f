import { ScaleRule } from '../../model/kernels.ts'
import { meanMagnitude } from '../../numbers/mean-magnitude.ts'
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
  let mean = meanMagnitude(f32, start, count)
  if (rule === ScaleRule.MeanBeyond) mean = meanMagnitude(f32, start, count, fround(mean * 0.7))
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
