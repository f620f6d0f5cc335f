import { checkParallel } from './residual.ts'

/**
 * Mean error of each group of `groupLength` successive values, value - decoded. Added to the group's offset it lowers the
 * squared error by exactly its own square a value, and costs nothing where the scheme stores an offset.
 * Source: the weight-space form of bias correction, Nagel et al. 2019 (arXiv:1906.04721), section 4.2.
 */
export function meanErrors(values: Float32Array, decoded: Float32Array, groupLength: number): Float64Array {
  checkParallel(values.length, decoded.length, groupLength)
  const means = new Float64Array(values.length === 0 ? 0 : values.length / groupLength)
  for (let group = 0; group < means.length; group += 1) {
    let sum = 0
    for (let i = group * groupLength; i < (group + 1) * groupLength; i += 1) {
      sum += (values[i] as number) - (decoded[i] as number)
    }
    means[group] = sum / groupLength
  }
  return means
}

/** Decoded values moved by the mean error of their group. */
export function absorbMeanErrors(decoded: Float32Array, means: Float64Array): Float32Array {
  const groupLength = means.length === 0 ? 1 : decoded.length / means.length
  return decoded.map((value, i) => value + (means[Math.floor(i / groupLength)] as number))
}
