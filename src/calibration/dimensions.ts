import type { SessionInput } from '../model/runtime.ts'

type Size = SessionInput['shape'][number]

/** Sizes of symbols, by name. */
export type Bindings = ReadonlyMap<string, number>

/** The number a dimension stands for; undefined when a symbol in it has none. Sums such as `past + sequence` are worked out. */
export function sizeOf(size: Size, bindings: Bindings): number | undefined {
  if (size === null || typeof size === 'number') return size ?? undefined
  const bound = bindings.get(size)
  if (bound !== undefined) return bound
  const terms = termsOf(size)
  if (terms.length < 2) return undefined
  let sum = 0
  for (const term of terms) {
    const value = /^\d+$/.test(term) ? Number(term) : bindings.get(term)
    if (value === undefined) return undefined
    sum += value
  }
  return sum
}

/** The symbols a dimension depends on: none for numbers, several for sums. */
export function symbolsOf(size: Size): readonly string[] {
  if (typeof size !== 'string') return []
  return termsOf(size).filter((term) => !/^\d+$/.test(term))
}

function termsOf(symbol: string): readonly string[] {
  const terms = symbol.split('+').map((term) => term.trim())
  return terms.every((term) => /^\w+$/.test(term)) ? terms : [symbol]
}

/**
 * Binds the symbols of `shape` to an actual shape. Gives the first axis that contradicts a number or an earlier binding,
 * -1 when the ranks differ, undefined when all is well; `bindings` then holds the new symbols too.
 */
export function bindShape(
  shape: readonly Size[],
  actual: readonly number[],
  bindings: Map<string, number>,
): number | undefined {
  if (shape.length !== actual.length) return -1
  for (const [axis, size] of shape.entries()) {
    const found = actual[axis]!
    const expected = sizeOf(size, bindings)
    if (expected !== undefined && expected !== found) return axis
    if (expected === undefined && typeof size === 'string' && symbolsOf(size).length === 1) bindings.set(size, found)
  }
  return undefined
}

const BATCH = /^(n|b|bs)$|batch|num_?samples/i
const ALONG = /seq|len|time|frame|token|step|past|ctx|context|height|width|points?|boxes|rois|^[sthwl]\d*$/i

/** Whether the first axis of an input counts samples. Unnamed first axes do, except of vectors. */
export function isBatchAxis(size: Size | undefined, rank: number): boolean {
  if (typeof size === 'string') {
    if (BATCH.test(size)) return true
    if (ALONG.test(size)) return false
  }
  return typeof size !== 'number' && rank >= 2
}

export function describeShape(shape: readonly Size[]): string {
  return `[${shape.map((size) => size ?? '?').join(', ')}]`
}
