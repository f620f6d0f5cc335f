import type { TensorRef } from '../../model/graph.ts'
import type { Definition } from '../consumers.ts'

/** Limits, axes, shapes and single factors. */
const FEW_ELEMENTS = 64

/** A short constant that a body may see as its own while it is a model. */
export function isLent({ alsoInput }: Definition, tensor: TensorRef): boolean {
  const count = tensor.shape.reduce((product, size) => product * size, 1)
  const { kind } = tensor.storage
  return !alsoInput && count <= FEW_ELEMENTS && kind !== 'opaque' && kind !== 'produced'
}
