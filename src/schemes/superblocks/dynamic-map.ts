/** Powers of ten from 1e-6, as f32. */
const TENS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1].map(Math.fround)

/**
 * The 256 levels of the dynamic 8-bit type, ascending, each with its code: 0 and 1, and for every k = 0 .. 6 and both signs the middles of
 * 2^k equal parts of [0.1, 1], times 10^(k - 6). Rounded to f32 where bitsandbytes' `create_dynamic_map` rounds.
 * Dettmers, "8-bit approximations for parallelism in deep learning", 2015.
 */
export const DYNAMIC_MAP: Float32Array = dynamicMap()

function dynamicMap(): Float32Array {
  const levels = [0, 1]
  for (const [k, ten] of TENS.entries()) {
    const bounds = evenly(2 ** k + 1)
    for (let i = 0; i < 2 ** k; i++) {
      const level = Math.fround(ten * Math.fround(Math.fround(bounds[i]! + bounds[i + 1]!) / 2))
      levels.push(level, -level)
    }
  }
  return Float32Array.from(levels).sort()
}

/** From f32(0.1) to 1, from both ends towards the middle and rounded once, as torch.linspace does. */
function evenly(count: number): Float32Array {
  const first = Math.fround(0.1)
  const step = Math.fround(Math.fround(1 - first) / (count - 1))
  return Float32Array.from({ length: count }, (_, i) =>
    i < Math.floor(count / 2) ? first + step * i : 1 - step * (count - i - 1),
  )
}
