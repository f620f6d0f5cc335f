import type { EmbeddingFigures } from '../model/truth.ts'

const RANKS = [1, 5, 10] as const
const MOST_QUERIES = 256
/** Below this many texts everything is near. */
const LEAST_TEXTS = 12

/**
 * For evenly spread queries: the share of their k nearest others in float that are among the k nearest of the other model, by cosine.
 * Rows have unit length. Ties go to the lower row. Empty where there are too few texts.
 */
export function neighbours(
  float: readonly Float64Array[],
  quantized: readonly Float64Array[],
): EmbeddingFigures['neighbours'] {
  const count = float.length
  if (count < LEAST_TEXTS) return []
  const queries = Math.min(count, MOST_QUERIES)
  const ranks = RANKS.filter((k) => k * 2 < count)
  const same = ranks.map(() => 0)
  for (let query = 0; query < queries; query += 1) {
    const row = Math.floor((query * count) / queries)
    const most = ranks.at(-1) as number
    const [wanted, found] = [nearest(float, row, most), nearest(quantized, row, most)]
    for (const [at, k] of ranks.entries()) {
      const set = new Set(found.slice(0, k))
      for (const one of wanted.slice(0, k)) if (set.has(one)) same[at]! += 1 / k
    }
  }
  return ranks.map((k, at) => ({ k, overlap: same[at]! / queries, queries }))
}

function nearest(rows: readonly Float64Array[], query: number, most: number): readonly number[] {
  const wanted = rows[query]!
  const best: number[] = []
  const scores: number[] = []
  for (const [index, row] of rows.entries()) {
    if (index === query) continue
    let score = 0
    for (let i = 0; i < row.length; i += 1) score += row[i]! * wanted[i]!
    if (best.length === most && !(score > scores[most - 1]!)) continue
    let at = best.length
    while (at > 0 && score > scores[at - 1]!) at -= 1
    best.splice(at, 0, index)
    scores.splice(at, 0, score)
    if (best.length > most) {
      best.pop()
      scores.pop()
    }
  }
  return best
}
