import type { Granularity, MatrixView } from '../../../model/scheme.ts'
import { gridShapeOf } from '../../../numbers/grid-shape.ts'

/**
 * Shape of the scales of DequantizeLinear, or null when the operator cannot say it:
 * [] per tensor, [channels] per kept axis, else the tensor's shape with one axis divided into blocks.
 */
export function scaleShape(granularity: Granularity, view: MatrixView, shape: readonly number[]): number[] | null {
  if (granularity.kind === 'tensor') return []
  // One channel: an axis of length 1 carries it; without one, a single grid says the same.
  if (granularity.kind === 'channel' && view.stack * view.channels === 1) return shape.includes(1) ? [1] : []
  const runs = axisRuns(view, shape)
  if (runs === null) return null
  if (granularity.kind === 'channel' && view.stack === 1 && singleAxis(runs.channels, shape) !== null) {
    return [view.channels]
  }
  const axis = singleAxis(runs.depth, shape)
  if (axis === null) return null
  const { blocks } = gridShapeOf(granularity, view)
  return shape.map((size, index) => (index === axis ? blocks : size))
}

interface AxisRuns {
  readonly channels: readonly number[]
  readonly depth: readonly number[]
}

/** Which axes of the shape make up the view's channels and depth; null when the view cuts through an axis. */
function axisRuns(view: MatrixView, shape: readonly number[]): AxisRuns | null {
  const inner = view.along === 'row' ? [view.channels, view.depth] : [view.depth, view.channels]
  const runs: number[][] = []
  let axis = 0
  for (const wanted of [view.stack, ...inner]) {
    const run: number[] = []
    let product = 1
    while (product < wanted && axis < shape.length) {
      product *= shape[axis]!
      run.push(axis++)
    }
    if (product !== wanted) return null
    runs.push(run)
  }
  for (; axis < shape.length; axis++) {
    if (shape[axis] !== 1) return null
    runs[2]!.push(axis)
  }
  const [channels, depth] = view.along === 'row' ? [runs[1]!, runs[2]!] : [runs[2]!, runs[1]!]
  return { channels, depth }
}

/** The one axis of a run that is longer than 1, or the first when all are 1; null when there are none or several. */
function singleAxis(run: readonly number[], shape: readonly number[]): number | null {
  const long = run.filter((axis) => shape[axis] !== 1)
  if (long.length > 1) return null
  return long[0] ?? run[0] ?? null
}
