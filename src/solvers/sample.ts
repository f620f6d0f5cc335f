import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView } from '../model/scheme.ts'
import { uniform } from '../numbers/rounding.ts'

/** Part of a tensor as rows of whole grids. */
export interface WeightSample {
  readonly values: Float32Array
  readonly view: MatrixView
}

/** Any fixed number: every run takes the same sample. */
const SEED = 1

/**
 * About `limit` elements as rows of whole grids for all of `specs`, one row from each of as many equal parts of the tensor,
 * its place in the part drawn from a fixed seed (equal steps would meet the same columns again and again).
 * Tensors within the limit are taken whole. Per-tensor grids see the sample's range, not the tensor's.
 */
export function sampleOf(
  values: Float32Array,
  view: MatrixView,
  specs: readonly IntegerSpec[],
  limit: number,
): WeightSample {
  if (values.length <= limit) return { values, view }
  const { stack, channels, depth } = view
  const length = Math.min(depth, runLength(specs, depth))
  const perChannel = Math.floor(depth / length)
  const runs = stack * channels * perChannel
  const taken = Math.max(1, Math.min(runs, Math.floor(limit / length)))
  const step = view.along === 'row' ? 1 : channels
  const sampled = new Float32Array(taken * length)
  for (let index = 0; index < taken; index++) {
    const run = Math.min(runs - 1, Math.floor(((index + uniform(SEED, index)) / taken) * runs))
    const lane = Math.floor(run / perChannel)
    const offset = (run % perChannel) * length
    const start =
      view.along === 'row'
        ? lane * depth + offset
        : (Math.floor(lane / channels) * depth + offset) * channels + (lane % channels)
    for (let element = 0; element < length; element++) {
      sampled[index * length + element] = values[start + element * step]!
    }
  }
  return { values: sampled, view: { stack: 1, channels: taken, depth: length, along: 'row' } }
}

/** Shortest run that holds whole blocks of every spec; the whole depth when one needs whole channels. */
function runLength(specs: readonly IntegerSpec[], depth: number): number {
  let length = 1
  for (const { granularity } of specs) {
    if (granularity.kind !== 'block') return depth
    length = (length / greatestDivisor(length, granularity.size)) * granularity.size
    if (length >= depth) return depth
  }
  return length
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
