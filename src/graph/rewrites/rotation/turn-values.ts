import type { Part } from './axis.ts'
import type { Rotation } from './rotation.ts'

/** A rotation of one axis of a tensor, its elements multiplied first. */
export interface Turn {
  readonly fromEnd: number
  readonly part: Part | null
  /** Null: ones. As long as the part, or the axis. */
  readonly factors: Float64Array | null
  readonly rotation: Rotation
}

/** Turns whole rows of an axis in place; `values` holds complete slices over the axis and everything behind it. */
export function turnValues(values: Float64Array, shape: readonly number[], turn: Turn): void {
  const { fromEnd, part, factors, rotation } = turn
  const axis = shape.length - fromEnd
  const length = shape[axis] as number
  const behind = shape.slice(axis + 1).reduce((product, one) => product * one, 1)
  const [start, end] = part ? [part.start, part.end] : [0, length]
  const size = end - start
  const slices = values.length / (length * behind)
  for (let slice = 0; slice < slices; slice++) {
    const first = (slice * length + start) * behind
    for (let i = 0; factors && i < size; i++)
      for (let at = first + i * behind; at < first + (i + 1) * behind; at++)
        values[at] = (values[at] as number) * (factors[i] as number)
    // Whole rows against whole rows: packing narrow strips into a cache is slower, strides are powers of two.
    for (let at = 0; at < size; at += rotation.size) rotation.apply(values, first + at * behind, behind)
  }
}
