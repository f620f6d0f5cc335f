import { TersorError } from '../../errors.ts'
import type { WeightFacts, WeightUse } from '../../model/inventory.ts'
import type { PackedRefs } from '../../model/lowering.ts'
import type { MatrixView, SchemeSpec } from '../../model/scheme.ts'

/**
 * How scales lie over the codes of packing 'onnx/elements':
 * - tensor: one scale;
 * - axis: one per index of `axis`;
 * - block: one per `size` consecutive indices of `axis`, the last block may be shorter; `scales` is the shape they must have;
 * - rows: one per run of `depth` consecutive codes.
 */
export type Grid =
  | { readonly kind: 'tensor' }
  | { readonly kind: 'axis'; readonly axis: number }
  | { readonly kind: 'block'; readonly axis: number; readonly size: number; readonly scales: readonly number[] }
  | { readonly kind: 'rows'; readonly rows: number; readonly depth: number }

function product(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total * value, 1)
}

/** The view and kept axis that the packing was made for: those of the first use that has them. */
function viewOf(uses: readonly WeightUse[]): { readonly view: MatrixView | null; readonly axis: number | null } {
  const use = uses.find((candidate) => candidate.view !== null) ?? uses[0]
  return { view: use?.view ?? null, axis: use?.axis ?? null }
}

function channelGrid(
  shape: readonly number[],
  view: MatrixView | null,
  axis: number | null,
  count: number,
): Grid | null {
  if (count === 1) return { kind: 'tensor' }
  if (view === null || view.stack === 1) {
    if (axis !== null && shape[axis] === count) return { kind: 'axis', axis }
    // Without a named axis the view decides: channels are the first axis of rows and the last of columns.
    if (view?.along === 'row' && shape[0] === count) return { kind: 'axis', axis: 0 }
    if (view?.along === 'column' && shape.at(-1) === count) return { kind: 'axis', axis: shape.length - 1 }
  }
  if (view === null || count !== view.stack * view.channels) return null
  if (view.along === 'row') return { kind: 'rows', rows: count, depth: view.depth }
  // Columns of a stack, or channels over several axes: one block as long as the axis that is summed over.
  const reduced = shape.findIndex((size, at) => size === view.depth && product(shape.slice(0, at)) === view.stack)
  if (reduced < 0) return null
  return {
    kind: 'block',
    axis: reduced,
    size: view.depth,
    scales: shape.map((size, at) => (at === reduced ? 1 : size)),
  }
}

/** The axis of `codes` along which `scales` has one entry for `size` elements, all other axes being equal. */
function blockAxis(codes: readonly number[], scales: readonly number[], size: number): number | null {
  if (codes.length !== scales.length) return null
  const fits = (axis: number): boolean =>
    codes.every((count, at) => scales[at] === (at === axis ? Math.ceil(count / size) : count))
  // The last axis first: where several fit (a length of one), all mean the same.
  for (let axis = codes.length - 1; axis >= 0; axis--) if (fits(axis)) return axis
  return null
}

/** Throws E_PLAN when the scales do not fit the codes in any form. */
export function gridOf(weight: WeightFacts, uses: readonly WeightUse[], spec: SchemeSpec, packed: PackedRefs): Grid {
  const { scales, codes } = packed
  const where = `tensor "${weight.name}"`
  if (spec.family === 'half' || scales === undefined) {
    throw new TersorError('E_PLAN', 'codes with scales were expected', { where })
  }
  const { granularity } = spec
  if (granularity.kind === 'tensor') return { kind: 'tensor' }
  if (granularity.kind === 'block') {
    const axis = blockAxis(codes.shape, scales.shape, granularity.size)
    if (axis !== null) return { kind: 'block', axis, size: granularity.size, scales: scales.shape }
  } else {
    const { view, axis } = viewOf(uses)
    const grid = channelGrid(codes.shape, view, axis, product(scales.shape))
    if (grid !== null) return grid
  }
  throw new TersorError(
    'E_PLAN',
    `scales [${scales.shape.join(', ')}] do not fit codes [${codes.shape.join(', ')}] by ${granularity.kind}`,
    { where },
  )
}

/**
 * What `gridOf` will find for channel scales, told from the facts alone, so that a weight can be judged before it is packed.
 * Null: no form fits.
 */
export function channelGridOf(weight: WeightFacts): Grid | null {
  const { view, axis } = viewOf(weight.uses)
  const count = view === null ? (axis === null ? 0 : (weight.shape[axis] ?? 0)) : view.stack * view.channels
  return channelGrid(weight.shape, view, axis, count)
}
