/** One way to write a tensor: what it costs and what it loses. */
export interface RatePoint {
  readonly id: string
  /** Bits per value, parameters included. */
  readonly rate: number
  /** Squared error, or anything else that is not negative and should be small. */
  readonly distortion: number
}

export interface RateCurve {
  /** All points, by rate, then distortion, then id. */
  readonly points: readonly RatePoint[]
  /** Those that no other point beats in both; a subset of `points`, rate rising, distortion falling. */
  readonly front: readonly RatePoint[]
  /** The members of the front that a weighted sum of rate and distortion can choose (its lower convex hull). */
  readonly hull: readonly RatePoint[]
}

/** Sorts points and finds front and hull. Equal points: the first id in order stays. */
export function rateCurve(points: readonly RatePoint[]): RateCurve {
  const sorted = [...points].sort(
    (a, b) => a.rate - b.rate || a.distortion - b.distortion || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  )
  const front: RatePoint[] = []
  for (const point of sorted) {
    const last = front.at(-1)
    if (last === undefined || point.distortion < last.distortion) front.push(point)
  }
  const hull: RatePoint[] = []
  for (const point of front) {
    for (;;) {
      const b = hull.at(-1)
      const a = hull.at(-2)
      if (a === undefined || b === undefined) break
      // b stays when the way over it falls faster at first than the straight one.
      const first = (a.distortion - b.distortion) * (point.rate - a.rate)
      const straight = (a.distortion - point.distortion) * (b.rate - a.rate)
      if (first > straight) break
      hull.pop()
    }
    hull.push(point)
  }
  return { points: sorted, front, hull }
}

/** The point of least distortion whose rate is within the budget; undefined when none is. */
export function bestWithin(curve: RateCurve, budget: number): RatePoint | undefined {
  let best: RatePoint | undefined
  for (const point of curve.front) if (point.rate <= budget) best = point
  return best
}
