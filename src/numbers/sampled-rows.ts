/** Rows of a long 8-bit column that its search looks at, besides the column's two extremes. */
export const SAMPLED_ROWS = 512

/** Columns of at least this many elements are searched on a sample. */
const LEAST_DEPTH = 2048

/**
 * Whether the grid of an 8-bit column is searched on a sample of its elements: with 256 codes the optimum lies within a few
 * per cent of the range and is flat, so 512 elements and the extremes find it, in one pass over the file.
 */
export function isSampled(bits: number, depth: number): boolean {
  return bits === 8 && depth >= LEAST_DEPTH
}

/** Row number `index` of the sample: evenly spread, ascending. */
export function sampledRow(index: number, depth: number): number {
  return Math.floor(((2 * index + 1) * depth) / (2 * SAMPLED_ROWS))
}
