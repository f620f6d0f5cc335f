import * as v from 'valibot'
import { TersorError } from '../../errors.ts'
import { bodyValueKey } from '../../graph/bodies/index.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { LowRank } from '../../model/low-rank.ts'
import type { Value } from '../../model/runtime.ts'
import type { MatrixView, QuantizedTensor } from '../../model/scheme.ts'
import type { Json, Statistics } from '../../model/statistics.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import type { Plan, WeightWork } from '../plan.ts'
import type { FitResult, FittedWeight } from './fitted.ts'

/*
 * Codes that were found on data are kept in a statistics file, under a name of all that they depend on beside the model and the data:
 * given the file, nothing is run, and the same bytes come out where nothing can be run. Arrays are called KEY/fitted-codes/NAME,
 * and so on with scales and zeros.
 */

const MARK = 'fitted for '

const amount = v.pipe(v.number(), v.finite())
const WeightSchema = v.object({
  scheme: v.string(),
  solver: v.picklist(['gptq', 'learned', 'search']),
  corrections: v.array(v.string()),
  because: v.string(),
  squaredError: amount,
  energy: amount,
  lowRank: v.optional(v.object({ rank: v.pipe(v.number(), v.integer(), v.minValue(1)), bits: v.picklist([4, 8]) })),
})
const FitsSchema = v.object({
  weights: v.array(v.tuple([v.string(), WeightSchema])),
  refused: v.array(v.tuple([v.string(), v.string()])),
  remarks: v.optional(v.array(v.tuple([v.string(), v.string()]))),
  notes: v.array(v.string()),
})

/** Names what codes depend on beside model and data: what was found under another name is not used. */
export function fitKey(ask: Ask, { effort = 'default' }: { readonly effort?: string } = {}): string {
  return JSON.stringify({
    solver: ask.fitting ?? null,
    effort,
    ...(ask.lowRank ? { lowRank: ask.lowRank } : {}),
    seed: ask.seed,
    to: ask.to,
    target: ask.target.id,
    rules: ask.rules.map(({ text }) => text),
    lowering: ask.lowering ?? null,
    everything: ask.everything,
    relaxed: [...(ask.relaxed ?? [])].map(([name, { what }]) => [name, what]).sort(),
  })
}

/** The same statistics with what was found; what was kept under this key before is forgotten. */
export function withFits(
  statistics: Statistics,
  key: string,
  { fitted, refused = new Map(), remarks = new Map(), notes }: FitResult,
): Statistics {
  const arrays = new Map([...(statistics.arrays ?? [])].filter(([name]) => !name.startsWith(`${key}/fitted-`)))
  const weights: [string, Json][] = []
  for (const [weight, { quantized, ...rest }] of fitted) {
    const name = nameOf(weight)
    arrays.set(`${key}/fitted-codes/${name}`, stored('u8', quantized.codes))
    arrays.set(`${key}/fitted-scales/${name}`, stored('f32', quantized.scales))
    if (quantized.zeros) arrays.set(`${key}/fitted-zeros/${name}`, stored('u8', quantized.zeros))
    const { solver, corrections, because, squaredError, energy, lowRank } = rest
    const scheme = formatSchemeId(quantized.spec)
    if (lowRank) {
      arrays.set(`${key}/fitted-left/${name}`, stored('u8', lowRank.left))
      arrays.set(`${key}/fitted-right/${name}`, stored('u8', lowRank.right))
      arrays.set(`${key}/fitted-factors/${name}`, stored('f32', lowRank.scales))
    }
    const added = lowRank ? { lowRank: { rank: lowRank.rank, bits: lowRank.bits } } : {}
    weights.push([name, { scheme, solver, corrections: [...corrections], because, squaredError, energy, ...added }])
  }
  const texts = (of: ReadonlyMap<WeightFacts, string>): [string, string][] =>
    [...of].map(([weight, text]): [string, string] => [nameOf(weight), text])
  const said = remarks.size > 0 ? { remarks: texts(remarks) } : {}
  const choice: Json = { weights, refused: texts(refused), ...said, notes: [...notes] }
  return { ...statistics, arrays, choices: new Map([...(statistics.choices ?? []), [MARK + key, choice]]) }
}

/** What was kept under this key; undefined when nothing was, or it is of another plan. E_FORMAT for what cannot be meant. */
export function fitsIn(statistics: Statistics, key: string, plan: Plan): FitResult | undefined {
  const kept = statistics.choices?.get(MARK + key)
  if (kept === undefined) return undefined
  const parsed = v.safeParse(FitsSchema, kept)
  if (!parsed.success) throw unfit('what was fitted')
  const works = new Map(plan.work.map((work) => [nameOf(work.weight), work]))
  const fitted = new Map<WeightFacts, FittedWeight>()
  for (const [name, { scheme, lowRank, ...rest }] of parsed.output.weights) {
    const work = works.get(name)
    if (work === undefined || formatSchemeId(work.spec) !== scheme) return undefined
    const array = (what: string): Value | undefined => statistics.arrays?.get(`${key}/fitted-${what}/${name}`)
    const quantized = quantizedOf(work, array, name)
    const added = lowRank ? { lowRank: lowRankOf(lowRank, quantized.view, array, name) } : {}
    fitted.set(work.weight, { ...rest, quantized, ...added })
  }
  const texts = (of: readonly (readonly [string, string])[]): ReadonlyMap<WeightFacts, string> =>
    new Map(
      of.flatMap(([name, text]) => {
        const work = works.get(name)
        return work ? [[work.weight, text] as const] : []
      }),
    )
  const { refused, remarks, notes } = parsed.output
  return { fitted, refused: texts(refused), ...(remarks ? { remarks: texts(remarks) } : {}), notes }
}

/** Names of what was fitted under any key, for messages. */
export function fitKeysIn(statistics: Statistics): readonly string[] {
  return [...(statistics.choices?.keys() ?? [])].flatMap((name) =>
    name.startsWith(MARK) ? [name.slice(MARK.length)] : [],
  )
}

function quantizedOf(
  { weight, spec }: WeightWork,
  array: (what: string) => Value | undefined,
  name: string,
): QuantizedTensor {
  const view = weight.uses[0]?.view
  if (spec.family === 'half' || !view) throw unfit(name)
  const { grids } = gridShapeOf(spec.granularity, view)
  const most = 2 ** spec.bits
  const codes = bytesIn(array('codes'), 'u8', weight.elementCount, name)
  const scales = new Float32Array(bytesIn(array('scales'), 'f32', grids * 4, name).buffer)
  const zeros = spec.symmetric ? undefined : bytesIn(array('zeros'), 'u8', grids, name)
  const fits = (code: number): boolean => code < most
  if (!codes.every(fits) || zeros?.every(fits) === false || !scales.every(Number.isFinite)) throw unfit(name)
  return { spec, view, codes, scales, ...(zeros ? { zeros } : {}) }
}

function lowRankOf(
  { rank, bits }: { readonly rank: number; readonly bits: 4 | 8 },
  { stack, channels, depth }: MatrixView,
  array: (what: string) => Value | undefined,
  name: string,
): LowRank {
  if (stack !== 1 || rank > Math.min(channels, depth)) throw unfit(name)
  const left = bytesIn(array('left'), 'u8', depth * rank, name)
  const right = bytesIn(array('right'), 'u8', rank * channels, name)
  const scales = new Float32Array(bytesIn(array('factors'), 'f32', rank * 4, name).buffer)
  const fits = (code: number): boolean => code < 2 ** bits
  if (!left.every(fits) || !right.every(fits) || !scales.every(Number.isFinite)) throw unfit(name)
  return { rank, bits, channels, depth, left, right, scales }
}

function nameOf({ scope, name }: WeightFacts): string {
  return bodyValueKey(scope, name)
}

function stored(dtype: 'u8' | 'f32', values: Uint8Array | Float32Array): Value {
  const { buffer, byteOffset, byteLength } = values
  return { dtype, shape: [values.length], data: new Uint8Array(buffer, byteOffset, byteLength).slice() }
}

function bytesIn(
  value: Value | undefined,
  dtype: 'u8' | 'f32',
  byteLength: number,
  name: string,
): Uint8Array<ArrayBuffer> {
  if (value?.dtype !== dtype || !(value.data instanceof Uint8Array) || value.data.length !== byteLength)
    throw unfit(name)
  return value.data.slice() as Uint8Array<ArrayBuffer>
}

function unfit(what: string): TersorError {
  return new TersorError('E_FORMAT', `the statistics hold fitted weights that cannot be meant: ${what}`, {
    where: what,
    hint: 'find them again: delete the file or name another one',
  })
}
