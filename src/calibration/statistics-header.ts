import * as v from 'valibot'
import { TersorError } from '../errors.ts'
import { LEAST_EXPONENT } from './observers/aligned-histogram.ts'
import { MOST_CHANNELS } from './value-collector.ts'

export const FORMAT = 'tersor-statistics'
export const VERSION = 1

export type ArrayPart = 'counts' | 'samples' | 'channel-ranges' | 'channel-sums'

const MOST_BINS = 65536
/** Histograms are filled out when they are read: 1 GiB of them. */
const MOST_BINS_TOGETHER = 134_217_728
const MOST_SAMPLES = 10_000_000
const MOST_RANK = 64

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
  channels: v.nullable(v.object({ axis: whole(MOST_RANK), length: whole(MOST_CHANNELS), count })),
})
export type ValueHeader = v.InferOutput<typeof ValueHeaderSchema>

const HeaderSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  model: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  labels: v.pipe(v.array(v.string()), v.maxLength(MOST_SAMPLES)),
  carried: v.array(v.string()),
  skipped: v.array(v.tuple([v.string(), v.string()])),
  values: v.array(ValueHeaderSchema),
})
export interface StatisticsHeader {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  readonly model: string
  readonly labels: readonly string[]
  readonly carried: readonly string[]
  readonly skipped: readonly (readonly [string, string])[]
  readonly values: readonly ValueHeader[]
}

/** The header of a statistics file. E_FORMAT with the first thing that is wrong. */
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
  const parsed = v.safeParse(HeaderSchema, json, { abortEarly: true })
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw wrong(`${v.getDotPath(issue) ?? 'its JSON'}: ${issue.message}`)
  }
  const header: StatisticsHeader = parsed.output
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
