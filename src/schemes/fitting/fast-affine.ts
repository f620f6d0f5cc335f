import { emptySums, sumCodes } from './even-sums.ts'
import type { AffineChoice } from './exact-affine.ts'
import type { Affine } from './fit-affine.ts'
import type { BlockSummary } from './weighted-values.ts'

/** Ranges to try, as parts of the block's range with 0. */
const PARTS = [1.03, 0.975, 0.92, 0.86, 0.79, 0.72, 0.63, 0.5]
const PARTS_OF_FINE = [1.002, 0.997, 0.993, 0.987, 0.975, 0.95, 0.9, 0.8]
const REFITS = 4

const sums = emptySums()

/** Ranges and the zeros around their centre, each with a least-squares step in view; the three best are refitted. */
export function fastAffine(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  round: (scale: number) => number,
  closed: Affine,
): Affine {
  const best: AffineChoice = { scale: 0, zero: 0, gain: 0 }
  measureAffine(values, block, maxCode, closed.scale, closed.zero, best)
  const leaders: AffineChoice[] = []
  const width = (block.max - block.min) / maxCode
  const middle = (block.max + block.min) / 2
  for (const part of maxCode > 63 ? PARTS_OF_FINE : PARTS) {
    const scale = width * part
    const centre = maxCode / 2 - middle / scale
    const low = Math.floor(centre)
    for (let zero = Math.max(0, low); zero <= Math.min(maxCode, low + 1); zero++) {
      const { gain, fitted } = measureAffine(values, block, maxCode, scale, zero, null)
      if (fitted > 0) keep(leaders, { scale: fitted, zero, gain })
    }
  }
  for (const leader of leaders) refit(values, block, maxCode, round, leader.scale, leader.zero, best)
  return { scale: best.scale, zero: best.zero }
}

/** A good choice to start an exact search from. */
export function seedAffine(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  round: (scale: number) => number,
  closed: Affine,
  best: AffineChoice,
): void {
  measureAffine(values, block, maxCode, closed.scale, closed.zero, best)
  const scale = ((block.max - block.min) / maxCode) * (maxCode > 63 ? 0.98 : 0.88)
  const centre = maxCode / 2 - (block.max + block.min) / 2 / scale
  const zero = Math.min(maxCode, Math.max(0, Math.floor(centre + 0.5)))
  refit(values, block, maxCode, round, scale, zero, best)
}

function refit(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  round: (scale: number) => number,
  start: number,
  zero: number,
  best: AffineChoice,
): void {
  let wanted = start
  let before = 0
  for (let turn = 0; turn < REFITS; turn++) {
    const stored = round(wanted)
    if (stored === before || !(stored > 0) || !Number.isFinite(stored)) break
    before = stored
    wanted = measureAffine(values, block, maxCode, stored, zero, best).fitted
    if (!(wanted > 0)) break
  }
}

const LEADERS = 3

function keep(leaders: AffineChoice[], candidate: AffineChoice): void {
  let at = leaders.length
  while (at > 0 && leaders[at - 1]!.gain < candidate.gain) at--
  if (at === LEADERS) return
  leaders.splice(at, 0, candidate)
  if (leaders.length > LEADERS) leaders.pop()
}

/**
 * Gain after a least-squares step and the scale it leads to; with `best`, the gain of the scale itself is entered
 * there.
 */
export function measureAffine(
  values: Float32Array,
  block: BlockSummary,
  maxCode: number,
  scale: number,
  zero: number,
  best: AffineChoice | null,
): { gain: number; fitted: number } {
  if (scale === 0) return { gain: 0, fitted: 0 }
  sumCodes(values, block.weights, 0, 1 / scale, zero, maxCode, sums)
  const cross = sums.cross - zero * sums.x
  const square = sums.codeSquare - 2 * zero * sums.code + zero * zero * sums.weight
  if (best !== null) {
    const gain = scale * (2 * cross - scale * square)
    if (gain > best.gain) {
      best.gain = gain
      best.scale = scale
      best.zero = zero
    }
  }
  const fitted = square > 0 ? cross / square : 0
  return { gain: fitted * cross, fitted }
}
