/** Sub-scales that the largest fit may become: a little above the largest code (clipped), down to three fifths of it. */
export function candidates(most: number): number[] {
  const step = Math.max(0.25, most / 63)
  const result: number[] = []
  for (let at = most + step; at >= 0.6 * most; at -= step) result.push(at)
  return result
}

/** Indexes of the `count` least costs, least first. */
export function leastOf(costs: Float64Array, count: number): number[] {
  return [...costs.keys()].sort((a, b) => costs[a]! - costs[b]! || a - b).slice(0, count)
}
