const { fround } = Math

const lanes = new Float64Array(4)
const kept = new Float32Array(16)

/**
 * Mean of the magnitudes of values[start .. start + count - 1] that are above `threshold` (an f32; below 0: of all); 0 where there are
 * none. One order of summation, which SIMD can follow: of every 16 values, i, i + 4, i + 8 and i + 12 in f32, these four sums in
 * f64, at the end (0 + 2) + (1 + 3). Values beyond 2^125 may sum to infinity.
 */
export function meanMagnitude(values: Float32Array, start: number, count: number, threshold = -1): number {
  lanes.fill(0)
  let many = 0
  for (let top = 0; top < count; top += 16) {
    const size = Math.min(16, count - top)
    for (let i = 0; i < 16; i++) {
      const x = i < size ? Math.abs(values[start + top + i]!) : 0
      const isKept = i < size && x > threshold
      if (isKept) many++
      kept[i] = isKept ? x : 0
    }
    for (let i = 0; i < 4; i++) {
      lanes[i] = lanes[i]! + fround(fround(kept[i]! + kept[i + 4]!) + fround(kept[i + 8]! + kept[i + 12]!))
    }
  }
  return many === 0 ? 0 : (lanes[0]! + lanes[2]! + (lanes[1]! + lanes[3]!)) / many
}
