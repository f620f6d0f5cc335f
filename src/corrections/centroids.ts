/** Mean of value - decoded for every code, as f32. 4 bytes a level. */
export interface CentroidModel {
  readonly kind: 'centroids'
  readonly table: Float32Array
  readonly byteLength: number
}

/**
 * Conditional mean of the residual given the code: the best that can be added to a decoded value when nothing but its code is
 * known (Lloyd 1982, the centroid condition). With few values a code the means are mostly noise; `shrink` pulls them towards 0
 * by the share of their spread that chance explains (Efron, Morris 1975, with variances estimated by moments).
 * `mask`: values where it is 1 are left out.
 */
export function fitCentroids(
  values: Float32Array,
  decoded: Float32Array,
  codes: Uint16Array,
  levelCount: number,
  options: { readonly mask?: Uint8Array; readonly shrink?: boolean } = {},
): CentroidModel {
  const counts = new Float64Array(levelCount)
  const sums = new Float64Array(levelCount)
  let squares = 0
  for (let i = 0; i < values.length; i += 1) {
    if (options.mask?.[i] === 1) continue
    const code = codes[i] as number
    const residual = (values[i] as number) - (decoded[i] as number)
    counts[code] = (counts[code] as number) + 1
    sums[code] = (sums[code] as number) + residual
    squares += residual * residual
  }
  const pull = options.shrink === true ? chanceCount(counts, sums, squares) : 0
  const table = new Float32Array(levelCount)
  for (let code = 0; code < levelCount; code += 1) {
    const count = counts[code] as number
    if (count > 0 && pull < Number.POSITIVE_INFINITY) table[code] = (sums[code] as number) / (count + pull)
  }
  return { kind: 'centroids', table, byteLength: 4 * levelCount }
}

/**
 * Variance within codes over variance of the true means, which is how many values a mean is worth before it is seen.
 * Infinity: the means spread no more than chance makes them.
 */
function chanceCount(counts: Float64Array, sums: Float64Array, squares: number): number {
  let [used, total, between] = [0, 0, 0]
  for (let code = 0; code < counts.length; code += 1) {
    const count = counts[code] as number
    if (count === 0) continue
    used += 1
    total += count
    between += ((sums[code] as number) * (sums[code] as number)) / count
  }
  // No freedom left to tell chance from truth.
  if (total <= used) return Number.POSITIVE_INFINITY
  const within = (squares - between) / (total - used)
  // E[between] = used * within + total * (variance of the true means around 0).
  const variance = (between - used * within) / total
  return variance > 0 && within > 0 ? within / variance : variance > 0 ? 0 : Number.POSITIVE_INFINITY
}
