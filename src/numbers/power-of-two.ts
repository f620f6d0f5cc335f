/** Covers the exponents of f32 with room on both sides; `2 ** n` is not exact in every engine. */
const REACH = 320

const POWERS = new Float64Array(2 * REACH + 1)
POWERS[REACH] = 1
for (let step = 1; step <= REACH; step++) {
  POWERS[REACH + step] = POWERS[REACH + step - 1]! * 2
  POWERS[REACH - step] = POWERS[REACH - step + 1]! / 2
}

/** 2^exponent, exactly, for integers from -320 to 320. */
export function powerOfTwo(exponent: number): number {
  return POWERS[exponent + REACH]!
}
