/** Covers the exponents of f32 with room on both sides; `2 ** n` is not exact in every engine. */
const REACH = 320

const POWERS = new Float64Array(2 * REACH + 1)
POWERS[REACH] = 1
for (let step = 1; step <= REACH; step++) {
  POWERS[REACH + step] = POWERS[REACH + step - 1]! * 2
  POWERS[REACH - step] = POWERS[REACH - step + 1]! / 2
}

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

/** 2^exponent, exactly, for integers from -320 to 320. */
export function powerOfTwo(exponent: number): number {
  return POWERS[exponent + REACH]!
}

/** Exponent of the largest power of two that is at most |value|, taken as f32. -150 for zero, 128 for infinity and NaN. */
export function floorLog2(value: number): number {
  floats[0] = value
  const magnitude = words[0]! & 0x7fffffff
  return magnitude >= 0x800000 ? (magnitude >>> 23) - 127 : -118 - Math.clz32(magnitude)
}
