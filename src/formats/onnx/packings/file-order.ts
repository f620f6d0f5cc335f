import type { Granularity, MatrixView } from '../../../model/scheme.ts'
import { gridShapeOf } from '../../../numbers/grid-shape.ts'
import { transpose } from './transpose.ts'

/** [stack, channels, blocks] to the order of the source: the same along rows, blocks before channels along columns. */
export function toFileOrder<T extends Uint8Array | Float32Array>(grids: T, kind: Granularity, view: MatrixView): T {
  const { blocks } = gridShapeOf(kind, view)
  return view.along === 'row' || blocks === 1 ? grids : transpose(grids, view.stack, view.channels, blocks)
}

export function fromFileOrder<T extends Uint8Array | Float32Array>(grids: T, kind: Granularity, view: MatrixView): T {
  const { blocks } = gridShapeOf(kind, view)
  return view.along === 'row' || blocks === 1 ? grids : transpose(grids, view.stack, blocks, view.channels)
}
