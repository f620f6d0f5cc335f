/** Points of a curve of sorted values: more where few positions make most of the harm. */
const SHARES = [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1]

/** The value below which this share of the sorted values lies. NaN where there are none. */
export function quantile(sorted: Float64Array, share: number): number {
  const place = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))
  return sorted[place] ?? Number.NaN
}

export function curveOf(sorted: Float64Array): readonly { readonly share: number; readonly value: number }[] {
  return sorted.length === 0 ? [] : SHARES.map((share) => ({ share, value: quantile(sorted, share) }))
}

/** Numbers as they come, with their sums. */
export interface Growing {
  push(value: number): void
  length(): number
  mean(): number
  /** Of the mean, values taken as independent. */
  standardError(): number
  rms(): number
  sorted(): Float64Array
}

export function growing(): Growing {
  let values = new Float64Array(1024)
  let [count, sum, squares] = [0, 0, 0]
  return {
    push(value) {
      if (count === values.length) {
        const larger = new Float64Array(count * 2)
        larger.set(values)
        values = larger
      }
      values[count] = value
      count += 1
      sum += value
      squares += value * value
    },
    length: () => count,
    mean: () => sum / count,
    standardError: () => (count < 2 ? 0 : Math.sqrt(Math.max(0, (squares / count - (sum / count) ** 2) / (count - 1)))),
    rms: () => Math.sqrt(squares / count),
    sorted: () => values.slice(0, count).sort(),
  }
}
