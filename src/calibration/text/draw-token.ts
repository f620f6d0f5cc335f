import { exponential } from '../exponential.ts'
import type { Random } from '../random.ts'

/** Below e^-40 of the largest a chance is lost in the sum of doubles. */
const LEAST = -40

/**
 * A token by chance from the softmax of a row of scores: cumulated chances against one uniform number. Undefined where the scores give no
 * chances (NaN, +infinity, nothing but -infinity).
 */
export function drawToken(scores: Float32Array | Float64Array, random: Random): number | undefined {
  let most = Number.NEGATIVE_INFINITY
  for (const score of scores) {
    if (Number.isNaN(score)) return undefined
    if (score > most) most = score
  }
  if (!Number.isFinite(most)) return undefined
  const chances = new Float64Array(scores.length)
  let sum = 0
  for (let token = 0; token < scores.length; token += 1) {
    const below = scores[token]! - most
    if (below < LEAST) continue
    const chance = exponential(below)
    chances[token] = chance
    sum += chance
  }
  let left = random.uniform() * sum
  let last = 0
  for (let token = 0; token < chances.length; token += 1) {
    const chance = chances[token]!
    if (chance === 0) continue
    left -= chance
    last = token
    if (left < 0) break
  }
  return last
}
