import { castTo, combined, dequantized, product, type Recipe, reshapedTo } from './recipe.ts'

/** (codes - zero) * scale with parameters that broadcast over the codes as they are, or vectors along one axis. */
export function decodedOver(codes: Recipe, scale: Recipe, zero: Recipe | undefined, axis: number): Recipe | null {
  const place = codes.shape.length - axis
  const offsets = zero === undefined ? 0 : vectorAlong(zero, place)
  const plain = dequantized(codes, vectorAlong(scale, place), offsets, { axis, block: 0 })
  if (plain !== null) return plain
  const values = castTo(codes, scale.dtype)
  const centred = zero === undefined ? values : combined('sub', values, castTo(zero, scale.dtype))
  const scaled = centred && combined('mul', centred, scale)
  return scaled && product(scaled.shape) === product(codes.shape) ? reshapedTo(scaled, codes.shape) : null
}

/** [1, N] or [N, 1, 1] as a vector where N stands `place` axes from the end. */
function vectorAlong(grid: Recipe, place: number): Recipe {
  const count = product(grid.shape)
  const rank = grid.shape.length
  if (rank < 2 || (count !== 1 && grid.shape[rank - place] !== count)) return grid
  return reshapedTo(grid, [count]) ?? grid
}

/** Scales and zeros of the right factor [.., K, N] of a product lie along N alone. */
export function alongColumns(grid: Recipe | undefined): boolean {
  return grid === undefined || grid.shape.length < 2 || grid.shape.at(-2) === 1
}
