import type { RecallFigures } from '../model/array-report.ts'

export interface RecallOptions {
  /** Every so many rows one is a query; the others are searched. */
  readonly every: number
  /** Decoded rows of a second, finer code: ranks the `candidates` times as many rows that the first one finds. */
  readonly rescored?: { readonly scheme: string; readonly rows: Float32Array; readonly candidates: number }
  /** Called now and then with finished queries. */
  readonly notify?: (done: number, total: number) => void
}

/** Rows of an array by their place. */
interface Table {
  readonly rows: Float32Array
  readonly width: number
}

const RANKS = [1, 10, 100] as const

/**
 * Exact search by cosine, the query in float (as it is at run time) against rows in float and against decoded rows: recall at k is
 * the share of the k nearest float rows that are among the k nearest found. Ties go to the lower row. Rows of zeros come last.
 */
export function recall(
  values: Float32Array,
  decoded: Float32Array,
  width: number,
  options: RecallOptions,
): RecallFigures {
  const count = values.length / width
  const queries: number[] = []
  const searched: number[] = []
  for (let row = 0; row < count; row++) (row % options.every === 0 ? queries : searched).push(row)
  const truth = { rows: normalized(values, width), width }
  const coarse = { rows: normalized(decoded, width), width }
  const fine = options.rescored && { rows: normalized(options.rescored.rows, width), width }
  const hits = [0, 0, 0]
  const scores = new Float64Array(searched.length)
  for (const [done, query] of queries.entries()) {
    const most = Math.min(100, searched.length)
    const wanted = nearest(truth, truth, query, searched, scores, most)
    const found = nearest(coarse, truth, query, searched, scores, most * (options.rescored?.candidates ?? 1))
    for (const [rank, k] of RANKS.entries()) {
      const kept = Math.min(k, searched.length)
      const first = found.slice(0, kept * (options.rescored?.candidates ?? 1))
      const ranked = fine ? nearest(fine, truth, query, first, new Float64Array(first.length), kept) : first
      const set = new Set(ranked.slice(0, kept))
      let same = 0
      for (const row of wanted.slice(0, kept)) if (set.has(row)) same++
      hits[rank] = (hits[rank] as number) + (kept === 0 ? 1 : same / kept)
    }
    options.notify?.(done + 1, queries.length)
  }
  const share = (rank: number): number => (hits[rank] as number) / Math.max(1, queries.length)
  return {
    queries: queries.length,
    rows: searched.length,
    every: options.every,
    at1: share(0),
    at10: share(1),
    at100: share(2),
    ...(options.rescored
      ? { rescored: { scheme: options.rescored.scheme, candidates: options.rescored.candidates } }
      : {}),
  }
}

/** The `most` rows of `candidates` with the largest product with the query's float row, best first. */
function nearest(
  table: Table,
  queries: Table,
  query: number,
  candidates: readonly number[],
  scores: Float64Array,
  most: number,
): number[] {
  const { rows, width } = table
  const at = query * width
  for (const [index, row] of candidates.entries()) {
    let a = 0
    let b = 0
    let i = 0
    const from = row * width
    for (; i + 1 < width; i += 2) {
      a += (queries.rows[at + i] as number) * (rows[from + i] as number)
      b += (queries.rows[at + i + 1] as number) * (rows[from + i + 1] as number)
    }
    if (i < width) a += (queries.rows[at + i] as number) * (rows[from + i] as number)
    scores[index] = a + b
  }
  const order = Uint32Array.from(candidates.keys())
  const threshold =
    candidates.length > 4 * most ? cut(scores.subarray(0, candidates.length), most) : Number.NEGATIVE_INFINITY
  const kept = order.filter((index) => (scores[index] as number) >= threshold)
  return [...kept]
    .sort(
      (x, y) => (scores[y] as number) - (scores[x] as number) || (candidates[x] as number) - (candidates[y] as number),
    )
    .slice(0, most)
    .map((index) => candidates[index] as number)
}

/** The `most`-th largest score. */
function cut(scores: Float64Array, most: number): number {
  const sorted = scores.slice().sort()
  return sorted[sorted.length - most] as number
}

function normalized(values: Float32Array, width: number): Float32Array {
  const rows = new Float32Array(values.length)
  for (let at = 0; at < values.length; at += width) {
    let energy = 0
    for (let i = 0; i < width; i++) energy += (values[at + i] as number) ** 2
    const inverse = energy > 0 ? 1 / Math.sqrt(energy) : 0
    for (let i = 0; i < width; i++) rows[at + i] = (values[at + i] as number) * inverse
  }
  return rows
}
