/**
 * Levels fitted to the array, one scale of either sign for each group.
 *
 *   value = scale * table[code]
 *   code in 0 .. 2^bits - 1, largest magnitude of the table 1      bits per value, a scale a group and 2^bits levels of 32 bits in all
 *
 * Lloyd's iteration between tables and scales; a fitted relative of NF4 (Dettmers and others 2023) and of ggml's
 * IQ4_NL.
 */

import { TersorError } from '../../errors.ts'
import type { Codec, ParameterType } from '../../model/array-scheme.ts'
import { fitScale } from '../fitting/fit-scale.ts'
import { encodeNearest } from '../fitting/nearest-level.ts'
import type { PreparedTable } from '../fitting/prepared-table.ts'
import { fitTable } from './fit-table.ts'
import { ascending, distanceBound } from './level-order.ts'

export interface FittedOptions {
  readonly scale: Extract<ParameterType, 'f32' | 'f16' | 'bf16'>
  /** Rounds to that type. */
  readonly round: (scale: number) => number
}

const CLOSED_TURNS = 4
const TURNS = 30
/** Where the length of groups is not known. */
const USUAL_RUN = 64

/**
 * bits: 2 .. 6. `closed`: the extreme takes the level of largest magnitude, table after four turns; `fast` and `exact`
 * differ in the search for scales. Tables are as good as their iteration finds, not the best of all.
 */
export function fittedCodec(bits: number, options: FittedOptions): Codec {
  if (!(Number.isInteger(bits) && bits >= 2 && bits <= 6)) {
    throw new TersorError('E_USAGE', `expected a fitted table of 2 to 6 bits, found ${bits}`)
  }
  const count = 2 ** bits
  let known: Float32Array | null = null
  let prepared: PreparedTable | null = null
  /** All groups of an array have the same table. */
  const preparedOf = (shared: Float32Array): PreparedTable => {
    const same = known?.every((level, i) => level === shared[i])
    if (prepared === null || !same) {
      known = shared.slice(0, count)
      prepared = ascending(known)
    }
    return prepared
  }
  return {
    levels: count,
    packing: 'bits',
    vector: 1,
    exactZero: false,
    parameters: [{ name: 'scales', type: options.scale, count: 1 }],
    shared: [{ name: 'table', type: 'f32', count }],
    effort: 'fast',
    efforts: ['closed', 'fast', 'exact'],
    fitShared(values, effort, shared, run = USUAL_RUN) {
      shared.set(fitTable(values, run, count, effort === 'closed' ? CLOSED_TURNS : TURNS, effort))
    },
    encode(group, codes, parameters, shared) {
      const table = preparedOf(shared)
      const { values, importance, effort } = group
      if (!group.fixed)
        parameters[0] = fitScale(values, importance, table, { effort, signed: true, round: options.round })
      encodeNearest(values, parameters[0]!, table, codes)
    },
    decode(codes, parameters, shared, values) {
      const scale = parameters[0]!
      for (let i = 0; i < values.length; i++) values[i] = scale * shared[codes[i]!]!
    },
    errorBound(parameters, shared, low, high) {
      const levels = Float64Array.from(shared.subarray(0, count), (level) => parameters[0]! * level)
      return distanceBound(levels.sort(), low, high)
    },
  }
}
