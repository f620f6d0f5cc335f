import { TersorError } from '../errors.ts'
import type { SessionInput, Value } from '../model/runtime.ts'
import { elementCountOf, isFloat } from '../numbers/dtype.ts'
import { packFloats, packIntegers } from './convert.ts'
import { isColors, roleOf } from './input-role.ts'
import { type Random, randomStream } from './random.ts'

/** Most elements of one made-up input. */
const ELEMENT_LIMIT = 67_108_864
/** Grid of the coarse structure in a made-up picture, and how much fine noise lies over it. */
const GRID = 8
const GRAIN = 0.25

/** Values that carry data: ids within limits, pictures with coarse structure, else a bell of deviation 1. */
export function syntheticValue(
  input: SessionInput,
  shape: readonly number[],
  limits: { readonly min: number; readonly max: number },
  stream: { readonly seed: number; readonly sample: number },
): Value {
  const { name, dtype } = input
  const count = elementCountOf(shape)
  if (count > ELEMENT_LIMIT) {
    throw new TersorError('E_LIMIT', `input "${name}" [${shape.join(', ')}] is too large to make up`, {
      where: name,
      hint: 'give data with --calib',
    })
  }
  const random = randomStream(stream.seed, `${name}/${stream.sample}`)
  const role = roleOf(input)
  if (role === 'text') {
    throw new TersorError('E_UNSUPPORTED', `input "${name}" takes text, which cannot be made up`, {
      where: name,
      hint: 'give data with --calib',
    })
  }
  if (role === 'picture') {
    const picture = pictureValues(shape, random)
    if (isFloat(dtype)) return { dtype, shape, data: packFloats(picture, dtype) }
    return { dtype, shape, data: packIntegers(picture.map(toByte), dtype) }
  }
  if (!isFloat(dtype)) {
    const drawn = Float64Array.from({ length: count }, () => random.between(limits.min, limits.max))
    return { dtype, shape, data: packIntegers(drawn, dtype) }
  }
  return {
    dtype,
    shape,
    data: packFloats(
      Float32Array.from({ length: count }, () => random.gaussian()),
      dtype,
    ),
  }
}

/** Around the middle grey, clipped. */
function toByte(value: number): number {
  return Math.max(0, Math.min(255, Math.floor(128 + 48 * value)))
}

/** [N, C, H, W], or [N, H, W, C]: per channel a coarse random field, interpolated, with grain. Deviation near 1. */
function pictureValues(shape: readonly number[], random: Random): Float32Array {
  const [batch = 1, ...rest] = shape
  const last = isColors(rest[2]) && !isColors(rest[0])
  const [channels, height, width] = last ? [rest[2]!, rest[0]!, rest[1]!] : [rest[0]!, rest[1]!, rest[2]!]
  const picture = new Float32Array(batch * channels * height * width)
  for (let plane = 0; plane < batch * channels; plane += 1) {
    const field = Float64Array.from({ length: (GRID + 1) * (GRID + 1) }, () => 1.4 * random.gaussian())
    const image = Math.floor(plane / channels)
    const channel = plane % channels
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const value = fieldAt(field, (y * GRID) / height, (x * GRID) / width) + GRAIN * random.gaussian()
        const at = last ? ((image * height + y) * width + x) * channels + channel : (plane * height + y) * width + x
        picture[at] = value
      }
    }
  }
  return picture
}

/** Bilinear between the four corners around (y, x), in cells. */
function fieldAt(field: Float64Array, y: number, x: number): number {
  const row = Math.floor(y)
  const column = Math.floor(x)
  const down = y - row
  const right = x - column
  const corner = row * (GRID + 1) + column
  const upper = field[corner]! * (1 - right) + field[corner + 1]! * right
  const lower = field[corner + GRID + 1]! * (1 - right) + field[corner + GRID + 2]! * right
  return upper * (1 - down) + lower * down
}
