/**
 * Double quantization: the scales of 256 blocks of 64 values are codes of 8 bits themselves, under one f32 and an offset of the whole array.
 *
 *   value = scale * level(code), scale = dynamic(scaleCode) * superScale + offset, each step rounded to f32
 *   code in 0 .. 15 (nf4), scaleCode in 0 .. 255      4 + 8/64 + 32/16384 = 4.127 bits per value
 *
 * QLoRA (Dettmers et al. 2023), with the meaning of bitsandbytes' `compress_statistics`.
 */

import type { Codec, Effort, Group, LevelTable } from '../../model/array-scheme.ts'
import { fitScale } from '../fitting/fit-scale.ts'
import { encodeNearest } from '../fitting/nearest-level.ts'
import { type PreparedTable, prepareTable } from '../fitting/prepared-table.ts'
import { tableErrorBound } from '../tables/error-bound.ts'
import { DYNAMIC_MAP } from './dynamic-map.ts'

/** Values under one scale code, and scale codes under one f32. */
const BLOCK = 64
const BLOCKS = 256

/** Values of one group: those under one f32. */
export const DOUBLE_GROUP = BLOCK * BLOCKS

/** Codes on each side of the nearest one that are tried, and shares of the least super scale that reaches all scales. */
const REACH: Readonly<Record<Effort, number>> = { closed: 0, fast: 1, exact: 3 }
const SHARES: Readonly<Record<Effort, readonly number[]>> = {
  closed: [1],
  fast: [1],
  exact: [1, 0.97, 0.94, 0.9, 0.85],
}

const round = (scale: number): number => Math.fround(scale)
const scaleOf = (code: number, superScale: number, offset: number): number =>
  Math.fround(Math.fround(DYNAMIC_MAP[code]! * superScale) + offset)

export function doubleScalesCodec(table: LevelTable): Codec {
  const prepared = prepareTable(table)
  const dynamic = prepareTable({ levels: DYNAMIC_MAP })
  const targets = new Float64Array(BLOCKS)
  const trial = new Uint16Array(BLOCK)
  const best = new Uint8Array(BLOCKS)

  return {
    levels: table.levels.length,
    packing: 'bits',
    vector: 1,
    exactZero: table.levels.includes(0),
    parameters: [
      { name: 'scales', type: 'u8', count: BLOCKS },
      { name: 'superScales', type: 'f32', count: 1 },
    ],
    shared: [{ name: 'offset', type: 'f32', count: 1 }],
    effort: 'fast',
    efforts: ['closed', 'fast', 'exact'],
    fitShared(values, effort, shared) {
      let sum = 0
      let count = 0
      for (let start = 0; start < values.length; start += BLOCK) {
        sum += fitScale(values.subarray(start, start + BLOCK), undefined, prepared, { effort, signed: false, round })
        count++
      }
      shared[0] = count === 0 ? 0 : sum / count
    },
    encode(group, codes, parameters, shared) {
      const offset = shared[0]!
      if (!group.fixed) fit(group, parameters, offset)
      eachBlock(group.values.length, (block, start, end) => {
        const scale = scaleOf(parameters[block]!, parameters[BLOCKS]!, offset)
        encodeNearest(group.values.subarray(start, end), scale, prepared, codes.subarray(start, end))
      })
    },
    decode(codes, parameters, shared, values) {
      eachBlock(values.length, (block, start, end) => {
        const scale = scaleOf(parameters[block]!, parameters[BLOCKS]!, shared[0]!)
        for (let i = start; i < end; i++) values[i] = scale * prepared.levels[codes[i]!]!
      })
    },
    errorBound(parameters, shared, low, high) {
      let bound = 0
      for (const code of new Set(parameters.subarray(0, BLOCKS))) {
        const scale = scaleOf(code, parameters[BLOCKS]!, shared[0]!)
        bound = Math.max(bound, tableErrorBound(table.levels, scale, low, high))
      }
      return bound
    },
  }

  function fit({ values, importance, effort }: Group, parameters: Float32Array, offset: number): void {
    let widest = 0
    let last = 0
    eachBlock(values.length, (block, start, end) => {
      const weights = importance?.subarray(start, end)
      targets[block] = fitScale(values.subarray(start, end), weights, prepared, { effort, signed: false, round })
      widest = Math.max(widest, Math.abs(targets[block]! - offset))
      last = block
    })
    let least = Number.POSITIVE_INFINITY
    for (const share of SHARES[effort]) {
      let superScale = Math.fround(widest * share)
      // Next to the largest f32 some scale may lie beyond it.
      while (!Number.isFinite(scaleOf(0, superScale, offset)) || !Number.isFinite(scaleOf(255, superScale, offset)))
        superScale = Math.fround(superScale * 0.99)
      let error = 0
      eachBlock(values.length, (block, start, end) => {
        const weights = importance?.subarray(start, end)
        error += chooseCode(values.subarray(start, end), weights, block, superScale, offset, REACH[effort])
      })
      if (!(error < least)) continue
      least = error
      for (let block = 0; block <= last; block++) parameters[block] = best[block]!
      parameters[BLOCKS] = superScale
    }
    // Blocks that a short group leaves unused must not widen its bound.
    parameters.fill(parameters[last]!, last + 1, BLOCKS)
  }

  /** The scale code around the nearest one with the least error, into `best`; returns that error. */
  function chooseCode(
    values: Float32Array,
    weights: Float32Array | undefined,
    block: number,
    superScale: number,
    offset: number,
    reach: number,
  ): number {
    const nearest = nearestCode(dynamic, superScale === 0 ? 0 : (targets[block]! - offset) / superScale)
    let least = Number.POSITIVE_INFINITY
    for (let code = Math.max(0, nearest - reach); code <= Math.min(255, nearest + reach); code++) {
      const scale = scaleOf(code, superScale, offset)
      const error = squaredError(values, weights, scale)
      if (!(error < least)) continue
      least = error
      best[block] = code
    }
    return least
  }

  function squaredError(values: Float32Array, weights: Float32Array | undefined, scale: number): number {
    encodeNearest(values, scale, prepared, trial)
    let sum = 0
    for (let i = 0; i < values.length; i++) {
      const rest = values[i]! - scale * prepared.levels[trial[i]!]!
      sum += rest * rest * (weights === undefined ? 1 : weights[i]!)
    }
    return sum
  }
}

function nearestCode({ thresholds }: PreparedTable, t: number): number {
  let index = 0
  for (let half = thresholds.length >>> 1; half > 0; half >>>= 1) if (t > thresholds[index + half - 1]!) index += half
  return index
}

function eachBlock(count: number, visit: (block: number, start: number, end: number) => void): void {
  for (let block = 0; block * BLOCK < count; block++) {
    visit(block, block * BLOCK, Math.min(count, (block + 1) * BLOCK))
  }
}
