import type { Feeds, Sample, SessionInput, Value } from '../../model/runtime.ts'

/** Texts that go together; more would only take longer. */
const MOST = 6

/** Texts of one row each, and the same in one batch, filled up to the longest. */
export interface Batch {
  readonly samples: readonly Sample[]
  /** Tokens of each. */
  readonly lengths: readonly number[]
  readonly feeds: Feeds
}

const MASK = /mask/i

/**
 * Some of these samples as one batch: rows of token ids are filled up with their last id, masks with zeros, places are counted on, all else is put one
 * under the other. Undefined where samples are no rows of ids, or the model takes one text only.
 */
export function batchOf(samples: readonly Sample[], inputs: readonly SessionInput[]): Batch | undefined {
  const open = inputs.filter(
    ({ dtype, shape }) => (dtype === 'i64' || dtype === 'i32') && shape.length === 2 && shape.every(isOpen),
  )
  const ids =
    open.find(({ name }) => /ids/i.test(name) && !/type|position/i.test(name)) ??
    open.find(({ name }) => !MASK.test(name))
  if (ids === undefined || inputs.some(({ shape }) => shape.length === 0 || !isOpen(shape[0] ?? null))) return undefined
  const rows = samples.filter(({ feeds }) => feeds[ids.name]?.shape[0] === 1)
  const chosen = differing(rows, ({ feeds }) => feeds[ids.name]!.shape[1] as number)
  const lengths = chosen.map(({ feeds }) => feeds[ids.name]!.shape[1] as number)
  if (chosen.length < 2) return undefined
  const longest = Math.max(...lengths)
  const feeds: [string, Value][] = []
  for (const { name } of inputs) {
    const values = chosen.map((sample) => sample.feeds[name])
    const joined = together(name, values, lengths, longest)
    if (joined === undefined) return undefined
    feeds.push([name, joined])
  }
  return { samples: chosen, lengths, feeds: Object.fromEntries(feeds) }
}

const isOpen = (size: number | string | null): boolean => typeof size !== 'number'

/** The shortest, the longest, and evenly between them. */
function differing(samples: readonly Sample[], lengthOf: (sample: Sample) => number): readonly Sample[] {
  const sorted = [...samples].sort((a, b) => lengthOf(a) - lengthOf(b))
  const count = Math.min(MOST, sorted.length)
  return Array.from(
    { length: count },
    (_, i) => sorted[Math.round((i * (sorted.length - 1)) / Math.max(1, count - 1))]!,
  )
}

/** One value a text, the first axis counting texts; along the second, rows as long as the text are filled up. */
function together(
  name: string,
  values: readonly (Value | undefined)[],
  lengths: readonly number[],
  longest: number,
): Value | undefined {
  const first = values[0]
  if (first === undefined || !values.every((value) => value?.dtype === first.dtype && value.data instanceof Uint8Array))
    return undefined
  const perToken = first.shape.length === 2 && values.every((value, i) => value!.shape[1] === lengths[i])
  if (!values.every((value) => value!.shape[0] === 1)) return undefined
  if (!perToken) {
    if (!values.every((value) => String(value!.shape) === String(first.shape))) return undefined
    return {
      ...first,
      shape: [values.length, ...first.shape.slice(1)],
      data: joined(values.map((value) => value!.data as Uint8Array)),
    }
  }
  const width = (first.data as Uint8Array).length / lengths[0]!
  if (!Number.isInteger(width)) return undefined
  const rows = values.map((value, i) => {
    const given = value!.data as Uint8Array
    const row = new Uint8Array(longest * width)
    row.set(given)
    if (MASK.test(name)) return row
    // Any id will do where nothing looks at it; zero is no id of some models.
    for (let at = lengths[i]!; at < longest; at += 1) row.set(given.subarray(given.length - width), at * width)
    return row
  })
  return { dtype: first.dtype, shape: [values.length, longest], data: joined(rows) }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
