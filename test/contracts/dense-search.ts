/**
 * Brute force for the parameters of one block, sharing nothing with the encoders: a dense grid, the nearest level by comparing with
 * all of them, then least squares in turns from the best points of the grid, parameters rounded to their stored type.
 */
export interface DenseBlock {
  readonly values: ArrayLike<number>
  readonly weights?: ArrayLike<number> | undefined
  readonly round: (value: number) => number
}

/** Weighted squared error when every value takes the nearest of `levels`. */
export function errorAgainst(block: DenseBlock, levels: ArrayLike<number>): number {
  let error = 0
  for (let i = 0; i < block.values.length; i++) {
    let least = Infinity
    for (let k = 0; k < levels.length; k++) least = Math.min(least, (block.values[i]! - levels[k]!) ** 2)
    error += (block.weights?.[i] ?? 1) * least
  }
  return error
}

const levelsAt = (table: ArrayLike<number>, scale: number, shift: number) =>
  Float64Array.from(table, (level) => scale * level + shift)

/** Least error over stored scales of table levels; `signs` says which signs of scale are tried. */
export function denseScale(
  block: DenseBlock,
  table: ArrayLike<number>,
  signs: readonly number[],
  points = 600,
): number {
  const reach = Math.max(...Array.from(table, Math.abs))
  const largest = Math.max(...Array.from(block.values, Math.abs))
  const found: [number, number][] = []
  for (const sign of signs) {
    for (let p = 1; p <= points; p++) {
      const scale = (sign * largest * p * 2.4) / (reach * points)
      found.push([errorAgainst(block, levelsAt(table, scale, 0)), scale])
    }
  }
  let best = errorAgainst(block, [0])
  for (const [, start] of found.sort((a, b) => a[0] - b[0]).slice(0, 24)) {
    let scale = start
    for (let turn = 0; turn < 6; turn++) {
      const stored = block.round(scale)
      best = Math.min(best, errorAgainst(block, levelsAt(table, stored, 0)))
      scale = refitted(block, table, stored, 0, false).scale
    }
  }
  return best
}

/** Least error over stored scales and every whole zero. */
export function denseAffine(block: DenseBlock, maxCode: number, points = 150): number {
  let best = Infinity
  for (let zero = 0; zero <= maxCode; zero++) {
    const table = Float64Array.from({ length: maxCode + 1 }, (_, code) => code - zero)
    best = Math.min(best, denseScale(block, table, [1], points))
  }
  return best
}

/** Least error over scales and offsets: unrounded ones, so never above what stored ones reach. */
export function denseOffset(block: DenseBlock, maxCode: number, scales = 60, places = 40): number {
  const table = Float64Array.from({ length: maxCode + 1 }, (_, code) => code)
  const top = Math.max(...Array.from(block.values))
  const bottom = Math.min(...Array.from(block.values))
  const found: [number, number, number][] = []
  for (let p = 1; p <= scales; p++) {
    const scale = ((top - bottom) / maxCode) * (0.3 + (0.8 * p) / scales)
    for (let q = 0; q < places; q++) {
      const offset = (top + bottom - scale * maxCode) / 2 + scale * ((3 * q) / places - 1.5)
      found.push([errorAgainst(block, levelsAt(table, scale, offset)), scale, offset])
    }
  }
  let best = Infinity
  for (const [, firstScale, firstOffset] of found.sort((a, b) => a[0] - b[0]).slice(0, 40)) {
    let [scale, offset] = [firstScale, firstOffset]
    for (let turn = 0; turn < 8; turn++) {
      best = Math.min(best, errorAgainst(block, levelsAt(table, scale, offset)))
      ;({ scale, offset } = refitted(block, table, scale, offset, true))
    }
  }
  return best
}

/** The same for offsets as stored: a dense search over scales at each of the stored offsets within three steps of the value least. */
export function denseStoredOffset(block: DenseBlock, maxCode: number): number {
  const bottom = Math.min(...Array.from(block.values))
  const top = Math.max(...Array.from(block.values))
  const table = Float64Array.from({ length: maxCode + 1 }, (_, code) => code)
  const offsets = new Set<number>()
  for (let part = -1; part <= 3; part++) {
    const near = block.round(bottom + ((top - bottom) / maxCode) * part)
    for (let step = -3; step <= 3; step++) offsets.add(block.round(near * (1 + step * 2 ** -10.5)))
  }
  let best = Infinity
  for (const offset of offsets) {
    const shifted = { ...block, values: Float64Array.from(block.values, (x) => x - offset) }
    best = Math.min(best, denseScale(shifted, table, [1], 300))
  }
  return best
}

/** Least squares over the levels that values take now. */
function refitted(block: DenseBlock, table: ArrayLike<number>, scale: number, offset: number, moves: boolean) {
  const levels = levelsAt(table, scale, offset)
  const n = block.values.length
  let [w0, wl, wx, wll, wlx] = [0, 0, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    const x = block.values[i]!
    const w = block.weights?.[i] ?? 1
    let near = 0
    for (let k = 1; k < levels.length; k++) if (Math.abs(x - levels[k]!) < Math.abs(x - levels[near]!)) near = k
    const level = table[near]!
    w0 += w
    wl += w * level
    wx += w * x
    wll += w * level * level
    wlx += w * level * x
  }
  if (!moves) return { scale: wll > 0 ? wlx / wll : scale, offset }
  const spread = wll - (wl * wl) / w0
  if (!(spread > 0)) return { scale, offset }
  const better = (wlx - (wl * wx) / w0) / spread
  return { scale: better, offset: (wx - better * wl) / w0 }
}
