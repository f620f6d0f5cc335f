import { TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { SessionInput, Value } from '../../model/runtime.ts'
import { isFloat } from '../../numbers/dtype.ts'
import { packFloats } from '../convert.ts'
import { describeShape } from '../dimensions.ts'
import { isColors, roleOf } from '../input-role.ts'
import { middleOf, type Pixels, toColour, toGrey } from './pixels.ts'
import { type PictureRecipe, type PictureSize, sizesOf, sizeText } from './recipe.ts'
import { resizePixels } from './resample.ts'

/** The input that takes pictures, and how it wants them. */
export interface PictureInput {
  readonly input: SessionInput
  readonly layout: 'nchw' | 'nhwc'
  readonly channels: 1 | 3
  readonly bgr: boolean
  /** What the model says of the size. */
  readonly size: Partial<PictureSize>
  /** Whether the first axis of the input counts pictures; else it has rank 3. */
  readonly batch: boolean
}

/** Finds the input for pictures. E_UNSUPPORTED when there is none or several, E_USAGE when the recipe contradicts the model. */
export function pictureInputOf(inputs: readonly SessionInput[], recipe: PictureRecipe): PictureInput {
  const input = theOne(inputs)
  const sizes = input.shape.length === 4 ? input.shape.slice(1) : input.shape
  const batch = input.shape.length === 4
  if (batch && typeof input.shape[0] === 'number' && input.shape[0] !== 1) {
    throw new TersorError('E_UNSUPPORTED', `input "${input.name}" takes ${input.shape[0]} pictures at once`, {
      where: input.name,
      hint: 'give the pictures as .npy, or export the model with a batch of 1 or an open one',
    })
  }
  const layout = recipe.layout ?? layoutOf(sizes)
  const [count, height, width] = layout === 'nchw' ? [sizes[0], sizes[1], sizes[2]] : [sizes[2], sizes[0], sizes[1]]
  const channels = channelsOf(input, count, recipe)
  const size = {
    ...(typeof height === 'number' ? { height } : {}),
    ...(typeof width === 'number' ? { width } : {}),
  }
  checkCrop(input, recipe, size)
  checkCount(recipe.mean, channels, 'mean')
  checkCount(recipe.std, channels, 'std')
  if (!isFloat(input.dtype) && !isRaw(recipe)) {
    throw new TersorError('E_USAGE', `input "${input.name}" takes ${input.dtype}: its pixels stay as they are`, {
      where: input.name,
      hint: '--preprocess raw, with resize= and crop= as needed',
    })
  }
  return { input, layout, channels, bgr: recipe.channels === 'bgr' && channels === 3, size, batch }
}

/** Resized, cropped, scaled, arranged. Bytes for integer inputs, rounded once to single precision for floats. */
export function pictureValue(
  pixels: Pixels,
  to: PictureInput,
  recipe: PictureRecipe,
  label: string,
  kernels?: Kernels,
): Value {
  const { resized, cropped } = sizesOf(pixels, recipe, to.size, label)
  // Colours are mixed to grey before the resize, as Pillow users do it.
  const coloured = to.channels === 1 ? toGrey(pixels) : toColour(pixels)
  const part = middleOf(resized, cropped.height, cropped.width)
  const { height, width, data } = resizePixels(coloured, resized.height, resized.width, recipe.resample, part, kernels)
  const { channels } = to
  const { dtype } = to.input
  const shape = to.layout === 'nchw' ? [channels, height, width] : [height, width, channels]
  const values = Array.from({ length: channels }, (_, c) => {
    const mean = recipe.mean[c] ?? recipe.mean[0]!
    const std = recipe.std[c] ?? recipe.std[0]!
    return Float64Array.from({ length: 256 }, (__, byte) => (byte * recipe.scale - mean) / std)
  })
  return {
    dtype: isFloat(dtype) ? dtype : 'u8',
    shape: to.batch ? [1, ...shape] : shape,
    data: arranged(data, values, to),
  }
}

/** The values of bytes, in the order of the model. */
function arranged(data: Uint8Array, values: readonly Float64Array[], { input, layout, channels, bgr }: PictureInput) {
  const { dtype } = input
  const area = data.length / channels
  const single = dtype === 'f32'
  const out = single ? new Float32Array(data.length) : new Float64Array(data.length)
  if (single && layout === 'nchw' && channels === 3) {
    const [red, green, blue] = values.map((one) => Float32Array.from(one)) as [Float32Array, Float32Array, Float32Array]
    fillPlanes(out as Float32Array, data, bgr, red, green, blue)
    return new Uint8Array(out.buffer)
  }
  for (let c = 0; c < channels; c += 1) {
    const [first, step] = layout === 'nchw' ? [c * area, 1] : [c, channels]
    const from = bgr ? channels - 1 - c : c
    if (single) fill(out as Float32Array, first, step, Float32Array.from(values[c]!), data, from, channels)
    else fillDoubles(out as Float64Array, first, step, values[c]!, data, from, channels)
  }
  if (single) return new Uint8Array(out.buffer)
  return isFloat(dtype) ? packFloats(out as Float64Array, dtype) : Uint8Array.from(out)
}

/** The usual case in one pass: three planes of floats. */
function fillPlanes(
  out: Float32Array,
  data: Uint8Array,
  bgr: boolean,
  first: Float32Array,
  second: Float32Array,
  third: Float32Array,
): void {
  const area = out.length / 3
  const [head, tail] = bgr ? [2, 0] : [0, 2]
  for (let to = 0, at = 0; to < area; to += 1, at += 3) {
    out[to] = first[data[at + head]!]!
    out[area + to] = second[data[at + 1]!]!
    out[2 * area + to] = third[data[at + tail]!]!
  }
}

/** Looked up and put there. */
function fill(
  out: Float32Array,
  first: number,
  step: number,
  values: Float32Array,
  data: Uint8Array,
  from: number,
  channels: number,
): void {
  for (let at = from, to = first; at < data.length; at += channels, to += step) out[to] = values[data[at]!]!
}

/** A loop of its own for doubles: one for both would be slow for either. */
function fillDoubles(
  out: Float64Array,
  first: number,
  step: number,
  values: Float64Array,
  data: Uint8Array,
  from: number,
  channels: number,
): void {
  for (let at = from, to = first; at < data.length; at += channels, to += step) out[to] = values[data[at]!]!
}

/** Three channels are likelier than one, one than a picture of such a height. */
function layoutOf([first, , last]: SessionInput['shape']): 'nchw' | 'nhwc' {
  if (first === 3) return 'nchw'
  return last === 3 || (last === 1 && first !== 1) ? 'nhwc' : 'nchw'
}

export function isRaw({ scale, mean, std }: PictureRecipe): boolean {
  return scale === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1)
}

function theOne(inputs: readonly SessionInput[]): SessionInput {
  const pictures = inputs.filter((input) => roleOf(input) === 'picture')
  const open = inputs.filter(({ dtype, shape }) => (isFloat(dtype) || dtype === 'u8') && shape.length === 4)
  const flat = inputs.filter(
    ({ dtype, shape }) =>
      (isFloat(dtype) || dtype === 'u8') && shape.length === 3 && (isColors(shape[0]) || isColors(shape[2])),
  )
  const found = [pictures, open, flat].find((group) => group.length > 0) ?? []
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const words = inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype} ${describeShape(shape)}`).join(', ')
  throw new TersorError(
    'E_UNSUPPORTED',
    `pictures need one input of shape [N, 3, height, width] or like it, found ${found.length === 0 ? 'none' : found.length} among ${words}`,
    { hint: 'give the values as .npz, keys named like the inputs' },
  )
}

function channelsOf(
  input: SessionInput,
  count: SessionInput['shape'][number] | undefined,
  recipe: PictureRecipe,
): 1 | 3 {
  const asked = recipe.channels === undefined ? undefined : recipe.channels === 'grey' ? 1 : 3
  if (typeof count !== 'number') return asked ?? 3
  if (count !== 1 && count !== 3) {
    throw new TersorError('E_UNSUPPORTED', `input "${input.name}" takes ${count} channels; pictures have 1 or 3`, {
      where: input.name,
      hint: recipe.layout === undefined ? 'give the values as .npy' : 'does layout= fit the model?',
    })
  }
  if (asked === undefined || asked === count) return count
  throw new TersorError(
    'E_USAGE',
    `--preprocess says channels=${recipe.channels}, and input "${input.name}" takes ${count}`,
    { where: input.name },
  )
}

function checkCrop(input: SessionInput, { crop }: PictureRecipe, { height, width }: Partial<PictureSize>): void {
  if (crop === undefined) return
  if ((height ?? crop.height) === crop.height && (width ?? crop.width) === crop.width) return
  throw new TersorError(
    'E_USAGE',
    `--preprocess crops to ${sizeText(crop)}, and input "${input.name}" takes ${height ?? '?'}x${width ?? '?'}`,
    { where: input.name, hint: 'leave crop= out: the size comes from the model' },
  )
}

function checkCount(values: readonly number[], channels: number, name: string): void {
  if (values.length === 1 || values.length === channels) return
  // Colour statistics for a grey model mean nothing.
  throw new TersorError(
    'E_USAGE',
    `--preprocess has ${values.length} values for ${name}, and the model takes ${channels} ${channels === 1 ? 'channel' : 'channels'}`,
    { hint: `give one ${name}, or one for each channel` },
  )
}
