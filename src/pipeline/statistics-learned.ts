import * as v from 'valibot'
import { TersorError } from '../errors.ts'
import type { Value } from '../model/runtime.ts'
import type { Json, Statistics } from '../model/statistics.ts'
import type { LearnedWeight, LearnResult } from './static/learn-weights.node.ts'

/*
 * Codes of fewer than 8 bits that were learned by running the model are kept with its statistics. Their arrays are called
 * KEY/learned-codes/NAME, and so on with scales, zeros and bias.
 */

const MARK = 'learned of '

const amount = v.pipe(v.number(), v.finite())
const WeightSchema = v.object({
  bits: v.picklist([2, 3, 4, 8]),
  symmetric: v.boolean(),
  solver: v.picklist(['adaround', 'descent', 'search', 'nearest']),
  gain: v.optional(v.object({ before: amount, after: amount })),
})
const LearnedSchema = v.object({ weights: v.array(v.tuple([v.string(), WeightSchema])), notes: v.array(v.string()) })

/** The same statistics with what was learned; what was kept under this key before is forgotten. */
export function withLearned(statistics: Statistics, key: string, { weights, notes }: LearnResult): Statistics {
  const arrays = new Map([...(statistics.arrays ?? [])].filter(([name]) => !name.startsWith(`${key}/learned-`)))
  const kept: [string, Json][] = []
  for (const [name, { codes, scales, zeros, bias, bits, symmetric, solver, gain }] of weights) {
    arrays.set(`${key}/learned-codes/${name}`, storedAs('i8', codes))
    arrays.set(`${key}/learned-scales/${name}`, storedAs('f32', scales))
    arrays.set(`${key}/learned-zeros/${name}`, storedAs('i8', zeros))
    if (bias) arrays.set(`${key}/learned-bias/${name}`, storedAs('f32', bias))
    kept.push([name, { bits, symmetric, solver, ...(gain && hasNumbers(gain) ? { gain: { ...gain } } : {}) }])
  }
  const choice: Json = { weights: kept, notes }
  return { ...statistics, arrays, choices: new Map([...(statistics.choices ?? []), [MARK + key, choice]]) }
}

/** What was kept under this key; undefined when nothing was. E_FORMAT for what cannot be meant. */
export function learnedIn(statistics: Statistics, key: string): LearnResult | undefined {
  const kept = statistics.choices?.get(MARK + key)
  if (kept === undefined) return undefined
  const parsed = v.safeParse(LearnedSchema, kept)
  if (!parsed.success) throw unfit('what was learned')
  const weights = new Map<string, LearnedWeight>()
  for (const [name, { bits, symmetric, solver, gain }] of parsed.output.weights) {
    const array = (what: string): Value | undefined => statistics.arrays?.get(`${key}/learned-${what}/${name}`)
    const codes = bytesIn(array('codes'), 'i8', name)
    const scales = singles(array('scales'), name)
    const zeros = bytesIn(array('zeros'), 'i8', name)
    const bias = array('bias')
    const most = 2 ** (bits - 1)
    const fits = (code: number): boolean => code >= -most && code < most
    if (zeros.length !== scales.length || ![codes, zeros].every((all) => new Int8Array(all.buffer).every(fits)))
      throw unfit(name)
    weights.set(name, {
      codes: new Int8Array(codes.buffer),
      scales,
      zeros: new Int8Array(zeros.buffer),
      bits,
      symmetric,
      solver,
      ...(gain === undefined ? {} : { gain }),
      ...(bias === undefined ? {} : { bias: singles(bias, name) }),
    })
  }
  return { weights, figures: new Map(), notes: parsed.output.notes }
}

function hasNumbers({ before, after }: NonNullable<LearnedWeight['gain']>): boolean {
  return Number.isFinite(before) && Number.isFinite(after)
}

function storedAs(dtype: 'i8' | 'f32', values: Int8Array | Float32Array): Value {
  const { buffer, byteOffset, byteLength } = values
  return { dtype, shape: [values.length], data: new Uint8Array(buffer, byteOffset, byteLength).slice() }
}

function bytesIn(value: Value | undefined, dtype: 'i8' | 'f32', name: string): Uint8Array {
  if (value?.dtype !== dtype || !(value.data instanceof Uint8Array)) throw unfit(name)
  return value.data.slice()
}

function singles(value: Value | undefined, name: string): Float32Array {
  const made = new Float32Array(bytesIn(value, 'f32', name).buffer)
  if (!made.every(Number.isFinite)) throw unfit(name)
  return made
}

function unfit(what: string): TersorError {
  return new TersorError('E_FORMAT', `the statistics hold learned weights that cannot be meant: ${what}`, {
    where: what,
    hint: 'collect them again: delete the file or name another one',
  })
}
