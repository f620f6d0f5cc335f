const { fround } = Math

const word = new Uint32Array(1)
const float = new Float32Array(word.buffer)

/** Smallest normal f32; scales below it have no finite inverse. */
const SMALLEST_NORMAL = 1.1754943508222875e-38
/** Adding and subtracting it rounds a double below 2^51 half to even. */
const ROUNDER = 6_755_399_441_055_744

export function roundEven(value: number): number {
  return value + ROUNDER - ROUNDER
}

/** The f32 whose value f16 holds, half to even; beyond the range the largest f16. */
export function roundHalf(value: number): number {
  const magnitude = Math.abs(value)
  let rounded: number
  if (magnitude < 6.103515625e-5) {
    // Below 2^-14 f16 is a fixed-point format of steps 2^-24, which are the steps of f32 around 0.5.
    rounded = fround(magnitude + 0.5) - 0.5
  } else {
    float[0] = magnitude
    const bits = word[0]!
    word[0] = ((bits + 0xfff + ((bits >>> 13) & 1)) & 0xffffe000) >>> 0
    rounded = float[0]!
    // Written so that NaN, too, becomes the largest f16.
    if (!(rounded < 65504)) rounded = 65504
  }
  return value < 0 ? -rounded : rounded
}

/** A scale as the file will hold it. */
export function settleScale(scale: number, halfScales: 0 | 1): number {
  const rounded = halfScales === 1 ? roundHalf(scale) : scale
  return Math.abs(rounded) < SMALLEST_NORMAL ? 0 : rounded
}

export function inverseOf(scale: number): number {
  return scale === 0 ? 0 : fround(1 / scale)
}
