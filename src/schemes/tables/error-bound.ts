/**
 * Largest distance of an x in [low, high] to the nearest of scale * level, exactly: at an end, or midway between two levels.
 * `levels` ascending.
 */
export function tableErrorBound(levels: Float32Array, scale: number, low: number, high: number): number {
  const last = levels.length - 1
  const at = (index: number) => scale * levels[scale < 0 ? last - index : index]!
  let bound = 0
  let nearLow = Number.POSITIVE_INFINITY
  let nearHigh = Number.POSITIVE_INFINITY
  for (let index = 0; index <= last; index++) {
    const level = at(index)
    nearLow = Math.min(nearLow, Math.abs(low - level))
    nearHigh = Math.min(nearHigh, Math.abs(high - level))
    if (index === last) break
    const next = at(index + 1)
    const middle = (level + next) / 2
    if (middle >= low && middle <= high) bound = Math.max(bound, (next - level) / 2)
  }
  return Math.max(bound, nearLow, nearHigh)
}
