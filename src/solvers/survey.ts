import { TersorError } from '../errors.ts'
import type { Kernels } from '../model/kernels.ts'
import { aligned, CALL_ELEMENTS } from '../numbers/tiles.ts'

export interface Survey {
  readonly min: number
  readonly max: number
  /** Sum of squares. */
  readonly energy: number
}

/** One pass over all values. Throws E_NONFINITE with the index of the first value that is not finite. */
export function survey(values: Float32Array, kernels: Kernels, label = 'tensor'): Survey {
  const most = Math.min(CALL_ELEMENTS, values.length)
  const source = kernels.reserve(aligned(4 * most) + 64)
  const out = source + aligned(4 * most)
  const floats = new Float32Array(kernels.memory)
  const doubles = new Float64Array(kernels.memory)
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let energy = 0
  for (let start = 0; start < values.length; start += most) {
    const count = Math.min(most, values.length - start)
    floats.set(values.subarray(start, start + count), source / 4)
    const wrong = kernels.census(source, count, out)
    if (wrong >= 0) {
      const index = start + wrong
      throw new TersorError(
        'E_NONFINITE',
        `${label}: expected finite values, found ${values[index]} at index ${index}`,
        {
          where: `${label}[${index}]`,
        },
      )
    }
    min = Math.min(min, floats[out / 4]!)
    max = Math.max(max, floats[out / 4 + 1]!)
    kernels.squaredError(source, source, count, out)
    energy += doubles[out / 8 + 1]!
  }
  return { min, max, energy }
}
