import type { RecallFigures } from '../model/array-report.ts'

export interface RecallOptions {
  /** Every so many rows one is a query; the others are searched. */
  readonly every: number
  /** Decoded rows of a second, finer code: ranks the `candidates` times as many rows that the first one finds. */
  readonly rescored?: { readonly scheme: string; readonly rows: Float32Array; readonly candidates: number }
  /** Called and awaited after every few queries: the place to let others work. */
  readonly notify?: (done: number, total: number) => void | Promise<void>
}

/** Rows of an array by their place. */
interface Table {
  readonly rows: Float32Array
  readonly width: number
}

const RANKS = [1, 10, 100] as const
/** Queries that go through the table together. */
const BATCH = 4

/**
 * Exact search by cosine, the query in float (as it is at run time) against rows in float and against decoded rows: recall at k is
 * the share of the k nearest float rows that are among the k nearest found. Ties go to the lower row. Rows of zeros come last.
 */
export async function recall(
  values: Float32Array,
  decoded: Float32Array,
  width: number,
  options: RecallOptions,
): Promise<RecallFigures> {
  const count = values.length / width
  const queries: number[] = []
  const searched: number[] = []
  for (let row = 0; row < count; row++) (row % options.every === 0 ? queries : searched).push(row)
  const truth = { rows: normalized(values, width), width }
  const coarse = { rows: normalized(decoded, width), width }
  const fine = options.rescored && { rows: normalized(options.rescored.rows, width), width }
  const hits = [0, 0, 0]
  const factor = options.rescored?.candidates ?? 1
  const most = Math.min(100, searched.length)
  const wantedScores = batchOfScores(searched.length)
  const foundScores = batchOfScores(searched.length)
  for (let start = 0; start < queries.length; start += BATCH) {
    const batch = queries.slice(start, start + BATCH)
    const points = batchOfQueries(truth, batch)
    scoreBatch(truth, points, searched, wantedScores)
    scoreBatch(coarse, points, searched, foundScores)
    for (const [at, query] of batch.entries()) {
      const wanted = largest(wantedScores[at] as Float64Array, searched, most)
      const found = largest(foundScores[at] as Float64Array, searched, most * factor)
      for (const [rank, k] of RANKS.entries()) {
        const kept = Math.min(k, searched.length)
        const first = found.slice(0, kept * factor)
        const ranked = fine ? ranks(fine, truth, query, first) : first
        const set = new Set(ranked.slice(0, kept))
        let same = 0
        for (const row of wanted.slice(0, kept)) if (set.has(row)) same++
        hits[rank] = (hits[rank] as number) + (kept === 0 ? 1 : same / kept)
      }
    }
    await options.notify?.(Math.min(start + BATCH, queries.length), queries.length)
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

const batchOfScores = (count: number): Float64Array[] => Array.from({ length: BATCH }, () => new Float64Array(count))

/** Queries one after another, as doubles; a batch that is not full repeats its last. */
function batchOfQueries({ rows, width }: Table, batch: readonly number[]): Float64Array {
  const points = new Float64Array(BATCH * width)
  for (let i = 0; i < BATCH; i++) {
    const from = (batch[Math.min(i, batch.length - 1)] as number) * width
    points.set(rows.subarray(from, from + width), i * width)
  }
  return points
}

/** Products of a batch of queries with rows. Every row is read once a batch; two sums each, even and odd places. */
function scoreBatch(
  { rows, width }: Table,
  points: Float64Array,
  searched: readonly number[],
  [s0, s1, s2, s3]: readonly Float64Array[],
): void {
  const even = width - (width % 2)
  for (let index = 0; index < searched.length; index++) {
    let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0]
    let from = (searched[index] as number) * width
    let at = 0
    for (; at < even; at += 2, from += 2) {
      const x = rows[from] as number
      const y = rows[from + 1] as number
      a0 += (points[at] as number) * x
      b0 += (points[at + 1] as number) * y
      a1 += (points[at + width] as number) * x
      b1 += (points[at + width + 1] as number) * y
      a2 += (points[at + 2 * width] as number) * x
      b2 += (points[at + 2 * width + 1] as number) * y
      a3 += (points[at + 3 * width] as number) * x
      b3 += (points[at + 3 * width + 1] as number) * y
    }
    if (at < width) {
      const x = rows[from] as number
      a0 += (points[at] as number) * x
      a1 += (points[at + width] as number) * x
      a2 += (points[at + 2 * width] as number) * x
      a3 += (points[at + 3 * width] as number) * x
    }
    ;(s0 as Float64Array)[index] = a0 + b0
    ;(s1 as Float64Array)[index] = a1 + b1
    ;(s2 as Float64Array)[index] = a2 + b2
    ;(s3 as Float64Array)[index] = a3 + b3
  }
}

/** The `most` rows of the largest scores, best first. */
function largest(scores: Float64Array, rows: readonly number[], most: number): number[] {
  const least = most < rows.length ? cut(scores, most) : Number.NEGATIVE_INFINITY
  const kept: number[] = []
  for (let index = 0; index < scores.length; index++) if ((scores[index] as number) >= least) kept.push(index)
  kept.sort((x, y) => (scores[y] as number) - (scores[x] as number) || (rows[x] as number) - (rows[y] as number))
  return kept.slice(0, most).map((index) => rows[index] as number)
}

/** All of `candidates` by their products with a query, best first. */
function ranks(table: Table, queries: Table, query: number, candidates: readonly number[]): number[] {
  const scores = batchOfScores(candidates.length)
  scoreBatch(table, batchOfQueries(queries, [query]), candidates, scores)
  return largest(scores[0] as Float64Array, candidates, candidates.length)
}

/** The `most`-th largest score: the root of a heap of the largest ones. */
function cut(scores: Float64Array, most: number): number {
  const heap = scores.slice(0, most).sort()
  for (let index = most; index < scores.length; index++) {
    const score = scores[index] as number
    if (score <= (heap[0] as number)) continue
    let at = 0
    for (let child = 1; child < most; child = 2 * at + 1) {
      if (child + 1 < most && (heap[child + 1] as number) < (heap[child] as number)) child++
      if ((heap[child] as number) >= score) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = score
  }
  return heap[0] as number
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
