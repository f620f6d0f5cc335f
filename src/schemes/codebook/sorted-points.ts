import { orderOf, sortFloats } from './radix-order.ts'

/**
 * Points of a line in ascending order, equal ones merged, with sums that give the squared error of any run of them
 * about its mean at once. Sums start at the middle and grow outwards, about the middle value: a value far out disturbs
 * no run nearer in.
 */
export interface SortedPoints {
  readonly count: number
  /** Ascending and different. */
  readonly values: Float64Array
  /** Sums of w, w d and w d^2 from the middle to before each point, d = value - centre; count + 1 of them. */
  readonly weight: Float64Array
  readonly first: Float64Array
  readonly second: Float64Array
  readonly centre: number
}

/** Points of weight 0 are left out; if all are, weights count as absent. Values are finite, weights not negative. */
export function sortPoints(values: Float32Array, weights: Float32Array | undefined): SortedPoints {
  if (weights !== undefined && !weights.some((w) => w > 0)) return sortPoints(values, undefined)
  return weights === undefined ? sumOutwards(...mergeSorted(sortFloats(values))) : weightedPoints(values, weights)
}

function mergeSorted(sorted: Float32Array): [Float64Array, Float64Array | undefined] {
  const merged = new Float64Array(sorted.length)
  let count = 0
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) merged[count++] = sorted[i]!
  }
  if (count === sorted.length) return [merged, undefined]
  const counts = new Float64Array(count)
  for (let i = 0, at = -1; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) at++
    counts[at] = counts[at]! + 1
  }
  return [merged.subarray(0, count), counts]
}

function weightedPoints(values: Float32Array, weights: Float32Array): SortedPoints {
  const order = orderOf(values)
  const merged = new Float64Array(values.length)
  const sums = new Float64Array(values.length)
  let count = 0
  for (let i = 0; i < order.length; i++) {
    const at = order[i]!
    const w = weights[at]!
    if (!(w > 0)) continue
    if (count > 0 && merged[count - 1] === values[at]) sums[count - 1] = sums[count - 1]! + w
    else {
      merged[count] = values[at]!
      sums[count++] = w
    }
  }
  return sumOutwards(merged.subarray(0, count), sums.subarray(0, count))
}

/** Without weights all are 1. */
function sumOutwards(values: Float64Array, weights: Float64Array | undefined): SortedPoints {
  const count = values.length
  const weight = new Float64Array(count + 1)
  const first = new Float64Array(count + 1)
  const second = new Float64Array(count + 1)
  const middle = count >>> 1
  const centre = count === 0 ? 0 : values[middle]!
  for (let i = middle; i < count; i++) {
    const d = values[i]! - centre
    const w = weights === undefined ? 1 : weights[i]!
    weight[i + 1] = weight[i]! + w
    first[i + 1] = first[i]! + w * d
    second[i + 1] = second[i]! + w * d * d
  }
  for (let i = middle - 1; i >= 0; i--) {
    const d = values[i]! - centre
    const w = weights === undefined ? 1 : weights[i]!
    weight[i] = weight[i + 1]! - w
    first[i] = first[i + 1]! - w * d
    second[i] = second[i + 1]! - w * d * d
  }
  return { count, values, weight, first, second, centre }
}

/** Weighted squared error of points from .. until - 1 about their mean; 0 for an empty run. */
export function runError(points: SortedPoints, from: number, until: number): number {
  if (until <= from + 1) return 0
  const w = points.weight[until]! - points.weight[from]!
  const d = points.first[until]! - points.first[from]!
  const error = points.second[until]! - points.second[from]! - (d * d) / w
  return error > 0 ? error : 0
}

/** Mean of a run that is not empty. */
export function runMean(points: SortedPoints, from: number, until: number): number {
  const w = points.weight[until]! - points.weight[from]!
  return points.centre + (points.first[until]! - points.first[from]!) / w
}
