// Closed-form scales of blocks from their extremes. Twin: src/kernels/reference/block-scale.ts.
import { SLOTS, TAIL, copyWords, least } from './memory'
import { foldSlots, rangeOfRun } from './fit'
import { settle } from './scale'

/** up, down: magnitudes of the last levels above and below 0, or 0. */
function reachScale(signed: bool, up: f32, down: f32, halfScales: i32): v128 {
  const min = foldSlots(SLOTS, true)
  const max = foldSlots(SLOTS + 64, false)
  const opposite = f32x4.neg(min)
  if (signed && up != down) {
    const extreme = v128.bitselect(max, min, f32x4.gt(max, opposite))
    return settle(f32x4.div(extreme, f32x4.splat(down > up ? -down : up)), halfScales)
  }
  let scale = f32x4.splat(0)
  if (up > 0) scale = f32x4.div(max, f32x4.splat(up))
  if (down > 0) scale = f32x4.pmax(scale, f32x4.div(opposite, f32x4.splat(down)))
  return settle(scale, halfScales)
}

export function fitReach(p: usize, count: i32, block: i32, signed: bool, up: f32, down: f32, halfScales: i32, scales: usize): void {
  const step = <usize>block << 2
  while (count > 0) {
    let filled = 0
    for (let slot = SLOTS; filled < 4 && count > 0; filled++, count -= block, p += step, slot += 16) rangeOfRun(p, least(block, count), slot)
    const scale = reachScale(signed, up, down, halfScales)
    if (filled == 4) v128.store(scales, scale)
    else {
      v128.store(TAIL, scale)
      copyWords(scales, TAIL, filled)
    }
    scales += 16
  }
}
