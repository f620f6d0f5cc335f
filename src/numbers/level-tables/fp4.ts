/**
 * The FP4 of bitsandbytes: a sign and eight magnitudes that are no IEEE floats, over the largest of them. Ascending; code 8 is a
 * negative zero, which values below zero take.
 */
export const FP4_LEVELS = Float32Array.of(
  ...[-1, -2 / 3, -1 / 2, -1 / 3, -1 / 4, -1 / 6, -1 / 192, -0],
  ...[0, 1 / 192, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1],
)
export const FP4_CODES = Uint16Array.of(11, 10, 13, 12, 15, 14, 9, 8, 0, 1, 6, 7, 4, 5, 2, 3)

/** Magnitudes beyond these take the next level: midpoints as bitsandbytes and onnxruntime spell them, in f32. */
const PIVOTS = [0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333].map(Math.fround)

/** A value above entry i takes a level behind i. A magnitude that equals a pivot takes the smaller level, of both signs. */
export const FP4_THRESHOLDS = Float64Array.of(
  ...PIVOTS.map((pivot) => -pivot * (1 + 2 ** -50)).reverse(),
  -Number.MIN_VALUE,
  ...PIVOTS,
)
