import type { LowRank } from '../../model/low-rank.ts'

/** The correction as rows of the weight, [channels][depth]. */
export function lowRankRows({ rank, bits, channels, depth, left, right, scales }: LowRank): Float32Array {
  const half = 2 ** (bits - 1)
  const made = new Float32Array(channels * depth)
  const own = new Float64Array(rank)
  for (let n = 0; n < channels; n++) {
    for (let j = 0; j < rank; j++) {
      own[j] = Math.fround((scales[j] as number) * ((right[j * channels + n] as number) - half))
    }
    for (let k = 0; k < depth; k++) {
      let sum = 0
      for (let j = 0; j < rank; j++) sum += (own[j] as number) * ((left[k * rank + j] as number) - half)
      made[n * depth + k] = sum
    }
  }
  return made
}
