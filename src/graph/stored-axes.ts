import type { MatrixView } from '../model/scheme.ts'

/** A run of one stored axis; a Reshape may cut an axis into several. Identity of the object is identity of the run. */
interface Factor {
  readonly storedAxis: number
  readonly size: number
}

/** One axis of the value as an operator sees it: stored runs, outermost first. */
interface SeenAxis {
  readonly factors: readonly Factor[]
  /** The stored axis this is, when it is one of size 1 (which has no factors). */
  readonly unit: number | null
}

/**
 * How the axes of a value seen after transposes and reshapes lie in the stored tensor.
 * `stored` is the row-major order of the file; axes of size 1 have no factor.
 */
export interface StoredAxes {
  readonly storedShape: readonly number[]
  readonly stored: readonly Factor[]
  readonly seen: readonly SeenAxis[]
}

/** What an axis is to its operator. */
export type AxisLabel = 'stack' | 'channel' | 'depth'

export function storedAxes(shape: readonly number[]): StoredAxes {
  const seen = shape.map((size, storedAxis): SeenAxis => {
    return size === 1 ? { factors: [], unit: storedAxis } : { factors: [{ storedAxis, size }], unit: null }
  })
  return { storedShape: shape, stored: seen.flatMap((axis) => axis.factors), seen }
}

export function permuteAxes(axes: StoredAxes, order: readonly number[]): StoredAxes {
  return { ...axes, seen: order.map((axis) => axes.seen[axis]!) }
}

export function dropAxes(axes: StoredAxes, dropped: ReadonlySet<number>): StoredAxes {
  return { ...axes, seen: axes.seen.filter((_, axis) => !dropped.has(axis)) }
}

/** `inserted` are positions in the result. */
export function insertAxes(axes: StoredAxes, inserted: ReadonlySet<number>): StoredAxes {
  const rest = [...axes.seen]
  const seen: SeenAxis[] = []
  while (rest.length > 0 || inserted.has(seen.length)) {
    seen.push(inserted.has(seen.length) ? { factors: [], unit: null } : rest.shift()!)
  }
  return { ...axes, seen }
}

/** Null when a new axis would hold a fraction of a run that cannot be cut there (6 x 2 seen as 4 x 3). */
export function reshapeAxes(axes: StoredAxes, shape: readonly number[]): StoredAxes | null {
  const queue = axes.seen.flatMap((axis) => axis.factors)
  const cuts = new Map<Factor, readonly Factor[]>()
  const seen: SeenAxis[] = []
  for (const size of shape) {
    const factors: Factor[] = []
    let rest = size
    while (rest > 1) {
      const next = queue.shift()
      if (next === undefined) return null
      if (rest % next.size === 0) {
        factors.push(next)
        rest /= next.size
      } else if (next.size % rest === 0) {
        const outer = { storedAxis: next.storedAxis, size: rest }
        const inner = { storedAxis: next.storedAxis, size: next.size / rest }
        cutFactor(cuts, next, outer, inner)
        factors.push(outer)
        queue.unshift(inner)
        rest = 1
      } else {
        return null
      }
    }
    seen.push({ factors, unit: null })
  }
  if (queue.length > 0) return null
  return { ...axes, stored: axes.stored.flatMap((factor) => cuts.get(factor) ?? [factor]), seen }
}

/** Records a cut under the factor that is in `stored`: what is cut again was the inner, hence last, piece. */
function cutFactor(cuts: Map<Factor, readonly Factor[]>, factor: Factor, outer: Factor, inner: Factor): void {
  for (const [whole, pieces] of cuts) {
    if (pieces.at(-1) === factor) {
      cuts.set(whole, [...pieces.slice(0, -1), outer, inner])
      return
    }
  }
  cuts.set(factor, [outer, inner])
}

export interface StoredView {
  readonly view: MatrixView | null
  /** The stored axis that is kept, when the channels are exactly one. */
  readonly axis: number | null
}

/**
 * The stored tensor as a matrix, given what each seen axis is. The view is null unless the stored order is
 * stack, channels, depth ('row') or stack, depth, channels ('column'), each group in any order of its own.
 */
export function viewOf(axes: StoredAxes, labels: readonly AxisLabel[]): StoredView {
  const labelOf = new Map<Factor, AxisLabel>()
  for (const [index, { factors }] of axes.seen.entries()) {
    for (const factor of factors) labelOf.set(factor, labels[index]!)
  }
  const sizes = { stack: 1, channel: 1, depth: 1 }
  const runs: AxisLabel[] = []
  for (const factor of axes.stored) {
    const label = labelOf.get(factor)!
    sizes[label] *= factor.size
    if (runs.at(-1) !== label) runs.push(label)
  }
  const axis = keptAxis(axes, labels, labelOf)
  if (runs[0] === 'stack') runs.shift()
  if (runs.length > 2 || runs.includes('stack')) return { view: null, axis }
  const along = runs.length === 2 ? (runs[0] === 'channel' ? 'row' : 'column') : naturalDirection(labels)
  return { view: { stack: sizes.stack, channels: sizes.channel, depth: sizes.depth, along }, axis }
}

/** Without channels or without depth both directions are the same bytes; say what the operator would. */
function naturalDirection(labels: readonly AxisLabel[]): 'row' | 'column' {
  return labels.lastIndexOf('channel') > labels.lastIndexOf('depth') ? 'column' : 'row'
}

function keptAxis(
  axes: StoredAxes,
  labels: readonly AxisLabel[],
  labelOf: ReadonlyMap<Factor, AxisLabel>,
): number | null {
  let axis: number | null = null
  let size = 1
  for (const factor of axes.stored) {
    if (labelOf.get(factor) !== 'channel') continue
    if (axis !== null && axis !== factor.storedAxis) return null
    axis = factor.storedAxis
    size *= factor.size
  }
  if (axis !== null) return size === axes.storedShape[axis] ? axis : null
  return axes.seen.find((seen, index) => labels[index] === 'channel' && seen.unit !== null)?.unit ?? null
}
