const view = new DataView(new ArrayBuffer(8))

/** Lifts subnormal doubles into the normal range, exactly. */
const TWO_54 = 18014398509481984

/**
 * Binary logarithm in IEEE + - * / only, so that its bits are the same in every engine (`Math.log2` is not).
 * Error below 1e-15 before the last rounding; exact for powers of two. NaN below zero, -Infinity at zero.
 */
export function log2(value: number): number {
  if (value === 0) return Number.NEGATIVE_INFINITY
  if (!(value > 0)) return Number.NaN
  if (value === Number.POSITIVE_INFINITY) return value
  const lifted = value < 2.2250738585072014e-308
  view.setFloat64(0, lifted ? value * TWO_54 : value)
  const head = view.getUint32(0)
  let exponent = (head >>> 20) - 1023 - (lifted ? 54 : 0)
  view.setUint32(0, (head & 0xfffff) | 0x3ff00000)
  let fraction = view.getFloat64(0)
  if (fraction > Math.SQRT2) {
    fraction /= 2
    exponent += 1
  }
  // log2(f) = 2 / ln 2 * atanh((f - 1) / (f + 1)); |ratio| <= 0.1716, so eleven terms reach 1e-17.
  const ratio = (fraction - 1) / (fraction + 1)
  const square = ratio * ratio
  let sum = 0
  for (let term = 21; term >= 1; term -= 2) sum = sum * square + 1 / term
  return exponent + 2 * Math.LOG2E * ratio * sum
}
