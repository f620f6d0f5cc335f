import * as v from 'valibot'
import { TersorError } from '../errors.ts'
import type { Json } from '../model/statistics.ts'
import { LEAST_EXPONENT } from './observers/aligned-histogram.ts'
import { MOST_CHANNELS } from './value-collector.ts'

export const FORMAT = 'tersor-statistics'
export const VERSION = 2
/** Of what observers remember and how they add it up: statistics of another version are collected again. */
export const OBSERVERS = 1

export type ArrayPart = 'counts' | 'samples' | 'channel-ranges' | 'channel-sums'

const MOST_BINS = 65536
/** Histograms are filled out when they are read: 1 GiB of them. */
const MOST_BINS_TOGETHER = 134_217_728
const MOST_SAMPLES = 10_000_000
const MOST_RANK = 64
/** An exact sum of doubles takes no more. */
const MOST_RESTS = 40
const MOST_ARRAYS = 100_000
const MOST_PARTS = 10_000

const whole = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(most))
const count = whole(Number.MAX_SAFE_INTEGER)

const ValueHeaderSchema = v.object({
  name: v.string(),
  range: v.nullable(v.tuple([v.pipe(v.number(), v.finite()), v.pipe(v.number(), v.finite())])),
  count,
  zeros: count,
  bins: v.pipe(whole(MOST_BINS), v.minValue(2), v.multipleOf(2)),
  exponent: v.pipe(v.number(), v.integer(), v.minValue(LEAST_EXPONENT), v.maxValue(128)),
  /** First filled bin, and how many follow it with itself. */
  filled: v.tuple([whole(MOST_BINS), whole(MOST_BINS)]),
  samples: whole(MOST_SAMPLES),
  channels: v.nullable(
    v.object({
      axis: whole(MOST_RANK),
      length: whole(MOST_CHANNELS),
      count,
      /** Arrays that follow the sums, and the sums of squares, to make them exact. */
      rests: v.tuple([whole(MOST_RESTS), whole(MOST_RESTS)]),
    }),
  ),
})
export type ValueHeader = v.InferOutput<typeof ValueHeaderSchema>

const HeaderSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  observers: v.number(),
  model: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  unfinished: v.boolean(),
  synthetic: v.boolean(),
  labels: v.pipe(v.array(v.string()), v.maxLength(MOST_SAMPLES)),
  carried: v.array(v.string()),
  skipped: v.array(v.tuple([v.string(), v.string()])),
  digests: v.nullable(v.array(v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/)))),
  choices: v.nullable(v.array(v.tuple([v.string(), v.custom<Json>((value) => value !== undefined)]))),
  arrays: v.pipe(v.array(v.string()), v.maxLength(MOST_ARRAYS)),
  parts: v.optional(v.pipe(v.array(v.string()), v.maxLength(MOST_PARTS)), []),
  values: v.array(ValueHeaderSchema),
})
export interface StatisticsHeader {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly observers: number
  readonly model: string
  readonly unfinished: boolean
  readonly synthetic: boolean
  readonly labels: readonly string[]
  readonly carried: readonly string[]
  readonly skipped: readonly (readonly [string, string])[]
  readonly digests: readonly string[] | null
  readonly choices: readonly (readonly [string, Json])[] | null
  /** Names of further arrays, in the order of their files. */
  readonly arrays: readonly string[]
  /** Names of statistics of other graphs, in the order of their files. */
  readonly parts: readonly string[]
  readonly values: readonly ValueHeader[]
}

/** The header of a statistics file. E_FORMAT with the first thing that is wrong; E_UNSUPPORTED for another version of Tersor's. */
export function parseHeader(bytes: Uint8Array, label: string): StatisticsHeader {
  const wrong = (what: string, cause?: unknown) =>
    new TersorError('E_FORMAT', `${label}: expected a statistics file of version ${VERSION}, found ${what}`, {
      where: label,
      cause,
    })
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw wrong('no JSON in it', cause)
  }
  const { version, observers } = versionsIn(json)
  if (version !== undefined && (version !== VERSION || observers !== OBSERVERS)) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${label}: these statistics were collected by another version of Tersor (file ${version}, observers ${observers ?? 0}; this one has ${VERSION} and ${OBSERVERS})`,
      { where: label, hint: 'delete the file or name another one: the statistics are collected again' },
    )
  }
  const parsed = v.safeParse(HeaderSchema, json, { abortEarly: true })
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw wrong(`${v.getDotPath(issue) ?? 'its JSON'}: ${issue.message}`)
  }
  const header: StatisticsHeader = parsed.output
  const { digests, choices } = header
  if (digests !== null && digests.length !== header.labels.length)
    throw wrong(`${digests.length} digests of ${header.labels.length} samples`)
  if (choices !== null && new Set(choices.map(([key]) => key)).size !== choices.length) throw wrong('a choice twice')
  if (new Set(header.arrays).size !== header.arrays.length) throw wrong('an array twice')
  if (new Set(header.parts).size !== header.parts.length) throw wrong('a part twice')
  const names = new Set<string>()
  for (const { name, range, count: elements, zeros, filled, bins, samples } of header.values) {
    if (names.has(name)) throw wrong(`the value "${name}" twice`)
    names.add(name)
    if ((range === null) !== (elements === 0)) throw wrong(`${elements} elements and no matching range of "${name}"`)
    if (range !== null && range[0] > range[1]) throw wrong(`a range of "${name}" from ${range[0]} to ${range[1]}`)
    if (zeros > elements || filled[0] + filled[1] > bins) throw wrong(`a histogram of "${name}" beyond its bins`)
    if (samples > header.labels.length) throw wrong(`${samples} samples of "${name}", more than labels`)
  }
  const bins = header.values.reduce((sum, value) => sum + value.bins, 0)
  if (bins > MOST_BINS_TOGETHER) {
    throw new TersorError('E_LIMIT', `${label}: ${bins} bins of histograms; at most ${MOST_BINS_TOGETHER} are read`, {
      where: label,
    })
  }
  return header
}

/** Of what says that it is a statistics file. */
function versionsIn(json: unknown): { readonly version?: number; readonly observers?: number } {
  const parsed = v.safeParse(
    v.object({ format: v.literal(FORMAT), version: v.number(), observers: v.optional(v.number()) }),
    json,
  )
  if (!parsed.success) return {}
  const { version, observers } = parsed.output
  return { version, ...(observers === undefined ? {} : { observers }) }
}
