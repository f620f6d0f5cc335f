import { TersorError } from '../../errors.ts'

/** Which values share a scale: all, those of one index of `axis`, or runs of `block` along it. */
export interface SharedAlong {
  readonly shape: readonly number[]
  /** The axis that is kept; negative ones count from the end. */
  readonly axis: number
  /** Values of a run; must divide the axis. Absent: one scale per index of the axis. */
  readonly block?: number
}

/** The parameter that each value uses, in row-major order: ONNX's and PyTorch's meaning of axis and block. */
export function parameterIndices({ shape, axis, block }: SharedAlong): Uint32Array {
  const rank = shape.length
  const kept = axis < 0 ? axis + rank : axis
  if (!(Number.isInteger(kept) && kept >= 0 && kept < rank)) {
    throw new TersorError('E_USAGE', `expected an axis of ${rank} dimensions, found ${axis}`)
  }
  const length = shape[kept]!
  if (block !== undefined && !(Number.isInteger(block) && block > 0 && length % block === 0)) {
    throw new TersorError(
      'E_USAGE',
      `expected a block that divides the ${length} values of axis ${axis}, found ${block}`,
    )
  }
  const inner = shape.slice(kept + 1).reduce((product, size) => product * size, 1)
  const outer = shape.slice(0, kept).reduce((product, size) => product * size, 1)
  const indices = new Uint32Array(outer * length * inner)
  let at = 0
  for (let before = 0; before < outer; before++) {
    for (let index = 0; index < length; index++) {
      const run = block === undefined ? index : (index - (index % block)) / block
      for (let after = 0; after < inner; after++, at++) {
        indices[at] = block === undefined ? run : (before * (length / block) + run) * inner + after
      }
    }
  }
  return indices
}
