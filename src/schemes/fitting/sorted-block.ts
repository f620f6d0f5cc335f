import { LOW_WORD } from './crossings.ts'

/**
 * Values in ascending order, with their weights; those of weight 0 are left out. Valid until the next block is sorted.
 */
export interface SortedBlock {
  readonly values: Float64Array
  readonly weights: Float64Array
  readonly count: number
}

let keys = new Float64Array(256)
let words = new Uint32Array(keys.buffer)
let sorted = new Float64Array(256)
let sortedWeights = new Float64Array(256)

/**
 * The order is that of the values, then of the positions. A double that holds an f32 has 29 bits to spare for the
 * position.
 */
export function sortBlock(values: Float32Array, weights: Float32Array | undefined): SortedBlock {
  if (keys.length < values.length) {
    keys = new Float64Array(values.length)
    words = new Uint32Array(keys.buffer)
    sorted = new Float64Array(values.length)
    sortedWeights = new Float64Array(values.length)
  }
  let count = 0
  for (let i = 0; i < values.length; i++) {
    if (weights !== undefined && weights[i] === 0) continue
    // -0 would sort among the negative subnormals once it carries a position.
    keys[count] = values[i] === 0 ? 0 : values[i]!
    words[2 * count + LOW_WORD] = (words[2 * count + LOW_WORD]! | i) >>> 0
    count++
  }
  keys.subarray(0, count).sort()
  for (let i = 0; i < count; i++) {
    const position = words[2 * i + LOW_WORD]! & POSITION
    sorted[i] = values[position]!
    sortedWeights[i] = weights === undefined ? 1 : weights[position]!
  }
  return { values: sorted, weights: sortedWeights, count }
}

const POSITION = 2 ** 29 - 1

/**
 * A span of which no grid of `reach` can be narrower without clipping costing more than `budget`: pairs of an upper and
 * a lower value are kept apart by at most `reach`, and each pair's excess costs its harmonic share. `anchored`: the
 * grid contains 0.
 */
export function leastReach(block: SortedBlock, budget: number, anchored: boolean): number {
  const { values, weights, count } = block
  let low = 0
  let high = values[count - 1]! - values[0]!
  if (anchored) high = Math.max(values[count - 1]!, 0) - Math.min(values[0]!, 0)
  for (let turn = 0; turn < HALVINGS; turn++) {
    const reach = (low + high) / 2
    let cost = 0
    for (let bottom = 0, top = count - 1; bottom < count; bottom++, top--) {
      let x = values[bottom]!
      let y = values[top]!
      if (anchored ? y <= 0 && x >= 0 : top <= bottom) break
      // Zero is a level: nothing is to be paid on the side without values.
      let share = (weights[bottom]! * weights[top]!) / (weights[bottom]! + weights[top]!)
      if (anchored && x >= 0) {
        x = 0
        share = weights[top]!
      } else if (anchored && y <= 0) {
        y = 0
        share = weights[bottom]!
      }
      const excess = y - x - reach
      if (excess > 0) cost += share * excess * excess
      else break
    }
    if (cost > budget) low = reach
    else high = reach
  }
  return low
}

const HALVINGS = 7
