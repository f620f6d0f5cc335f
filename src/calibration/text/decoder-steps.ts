import { TersorError } from '../../errors.ts'
import type { Feeds, RuntimeSession, SessionInput, Value } from '../../model/runtime.ts'
import { elementCountOf, isFloat } from '../../numbers/dtype.ts'
import { checkSample, type InputLimits } from '../check-sample.ts'
import { floatsOf, packFloats, packIntegers } from '../convert.ts'
import { fillInputs } from '../fill.ts'
import { roleOf } from '../input-role.ts'
import type { StatePair } from '../states.ts'
import type { TextInputs } from './text-input.ts'

/** A decoder as it is run to write. */
export interface Decoder {
  readonly session: RuntimeSession
  readonly inputs: readonly SessionInput[]
  readonly to: TextInputs
  readonly limits: InputLimits
  /** The output that scores every token: [rows, tokens, vocabulary]. */
  readonly scores: string
  /** Caches that grow and where they go on. */
  readonly caches: readonly StatePair[]
}

/** Scores of a run: those of row r after token t begin at (r * tokens + t) * vocabulary. */
export interface Scores {
  readonly rows: number
  readonly tokens: number
  readonly vocabulary: number
  readonly values: Float32Array | Float64Array
  readonly results: Feeds
}

/** Rows of one length as the inputs of a model that sees all of them: filled up to the model's own length, caches empty. */
export function wholeFeeds({ inputs, to, limits }: Decoder, rows: readonly (readonly number[])[]): Feeds {
  const used = rows[0]?.length ?? 0
  const length = to.length ?? used
  const table = (input: SessionInput, at: (row: readonly number[], token: number) => number): [string, Value] => [
    input.name,
    packed(
      input,
      input.shape.length === 1 ? [length] : [rows.length, length],
      rows.flatMap((row) => Array.from({ length }, (_, token) => at(row, token))),
    ),
  ]
  const given = Object.fromEntries([
    table(to.ids, (row, token) => row[token] ?? 0),
    ...to.masks.map((mask) => table(mask, (_, token) => (token < used ? 1 : 0))),
    ...to.types.map((type) => table(type, () => 0)),
  ])
  return completed(given, inputs, limits)
}

/** The last token of each row alone, behind what the caches hold of those before it. */
export function nextFeeds(decoder: Decoder, rows: readonly (readonly number[])[], before: Feeds): Feeds {
  const { inputs, to, limits, caches } = decoder
  const seen = (rows[0]?.length ?? 0) - 1
  const given: Record<string, Value> = {
    [to.ids.name]: packed(
      to.ids,
      [rows.length, 1],
      rows.map((row) => row.at(-1) as number),
    ),
  }
  for (const mask of to.masks) given[mask.name] = packed(mask, [rows.length, seen + 1], ones(rows.length * (seen + 1)))
  for (const type of to.types) given[type.name] = packed(type, [rows.length, 1], zeros(rows.length))
  for (const input of inputs) {
    const role = roleOf(input)
    if (role === 'positions') {
      const shape = input.shape.length === 1 ? [1] : [rows.length, 1]
      given[input.name] = packed(input, shape, zeros(elementCountOf(shape)).fill(seen))
    }
    // Merged decoders read their caches where a flag says so.
    if (role === 'flag')
      given[input.name] = packed(
        input,
        input.shape.map((size) => (size === 0 ? 0 : 1)),
        [1],
      )
  }
  for (const { input, output } of caches) {
    const value = before[output]
    if (value !== undefined) given[input] = value
  }
  return completed(given, inputs, limits)
}

function completed(given: Feeds, inputs: readonly SessionInput[], limits: InputLimits): Feeds {
  const bindings = new Map<string, number>()
  const checked = checkSample('text', given, inputs, limits, bindings)
  return fillInputs('text', checked, inputs, bindings).feeds
}

/** One run. E_RUNTIME where the output has not a row of scores for each token. */
export async function scoresOf({ session, scores, to }: Decoder, feeds: Feeds, signal?: AbortSignal): Promise<Scores> {
  const results = await session.run(feeds, signal)
  const value = results[scores]
  const [rows, tokens, vocabulary] = value?.shape ?? []
  const fed = feeds[to.ids.name]?.shape ?? []
  const suits = value?.shape.length === 3 && rows === (fed.length === 1 ? 1 : fed[0]) && tokens === fed.at(-1)
  if (!value || !isFloat(value.dtype) || !suits || !rows || !tokens || !vocabulary) {
    throw new TersorError('E_RUNTIME', `"${scores}" does not score every token that is fed`, { where: scores })
  }
  return { rows, tokens, vocabulary, values: floatsOf(value), results }
}

function packed({ dtype }: SessionInput, shape: readonly number[], numbers: readonly number[]): Value {
  return {
    dtype,
    shape,
    data: isFloat(dtype) ? packFloats(Float64Array.from(numbers), dtype) : packIntegers(numbers, dtype),
  }
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1)
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0)
