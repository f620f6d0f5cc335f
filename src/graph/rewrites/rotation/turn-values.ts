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

/** Vectors turned at once, so that strided ones are read in runs. */
const LANES = 64

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
    if (behind <= LANES) {
      for (let at = 0; at < size; at += rotation.size) rotation.apply(values, first + at * behind, behind)
    } else {
      for (let lane = 0; lane < behind; lane += LANES)
        turnLanes(values, first + lane, size, behind, Math.min(LANES, behind - lane), rotation)
    }
  }
}

function turnLanes(
  values: Float64Array,
  first: number,
  size: number,
  stride: number,
  lanes: number,
  rotation: Rotation,
): void {
  const packed = new Float64Array(size * lanes)
  for (let i = 0; i < size; i++) packed.set(values.subarray(first + i * stride, first + i * stride + lanes), i * lanes)
  for (let at = 0; at < size; at += rotation.size) rotation.apply(packed, at * lanes, lanes)
  for (let i = 0; i < size; i++) values.set(packed.subarray(i * lanes, (i + 1) * lanes), first + i * stride)
}
