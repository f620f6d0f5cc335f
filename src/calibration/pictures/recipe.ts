import { TersorError } from '../../errors.ts'
import type { Resample } from './resample.ts'

export interface PictureSize {
  readonly height: number
  readonly width: number
}

/** How a picture is brought to a size, before the crop. */
export type Resize =
  /** The shorter side becomes `size`. */
  | { readonly kind: 'short'; readonly size: number }
  /** Exactly this, whatever happens to the proportions. */
  | ({ readonly kind: 'exact' } & PictureSize)
  /** As small as possible so that it covers the crop `by` times; a picture of just the crop's size stays as it is. */
  | { readonly kind: 'cover'; readonly by: number }

/** How pixels become the values of an input: value = (pixel * scale - mean) / std. */
export interface PictureRecipe {
  readonly resize?: Resize
  readonly resample: Resample
  /** From the middle; default the model's size. */
  readonly crop?: PictureSize
  /** The crop where neither `crop` nor the model says one. */
  readonly otherwise?: PictureSize
  readonly scale: number
  /** One number for all channels, or one for each in the order that the model gets them. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly layout?: 'nchw' | 'nhwc'
  readonly channels?: 'rgb' | 'bgr' | 'grey'
}

const PLAIN = { resample: 'bilinear', resize: { kind: 'cover', by: 1 } } as const

/** Recipes by name. `imagenet` is torchvision's: short side 256, middle 224; scaled where the model has another size. */
export const PICTURE_PRESETS: ReadonlyMap<string, PictureRecipe> = new Map<string, PictureRecipe>([
  [
    'imagenet',
    {
      resample: 'bilinear',
      resize: { kind: 'cover', by: 256 / 224 },
      otherwise: { height: 224, width: 224 },
      scale: 1 / 255,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    },
  ],
  ['tf', { ...PLAIN, scale: 1 / 127.5, mean: [1], std: [1] }],
  ['unit', { ...PLAIN, scale: 1 / 255, mean: [0], std: [1] }],
  ['raw', { ...PLAIN, scale: 1, mean: [0], std: [1] }],
])

/** Sizes of a picture on its way: after the resize, after the crop. E_FORMAT with `label` where the crop is larger. */
export function sizesOf(
  picture: PictureSize,
  { resize, crop, otherwise }: PictureRecipe,
  model: Partial<PictureSize>,
  label: string,
): { readonly resized: PictureSize; readonly cropped: PictureSize } {
  const whole =
    model.height !== undefined && model.width !== undefined ? { height: model.height, width: model.width } : undefined
  const target = crop ?? whole ?? (model.height === undefined && model.width === undefined ? otherwise : undefined)
  const resized = resizedSize(picture, resize, target)
  const cropped = target ?? { height: model.height ?? resized.height, width: model.width ?? resized.width }
  if (cropped.height <= resized.height && cropped.width <= resized.width) return { resized, cropped }
  throw new TersorError(
    'E_FORMAT',
    `${label}: expected at least ${sizeText(cropped)} pixels, found ${sizeText(resized)}${resize === undefined ? '' : ' after the resize'}`,
    { where: label, hint: `add resize=${Math.max(cropped.height, cropped.width)} to --preprocess` },
  )
}

function resizedSize(picture: PictureSize, resize: Resize | undefined, target: PictureSize | undefined): PictureSize {
  if (resize === undefined) return picture
  if (resize.kind === 'exact') return { height: resize.height, width: resize.width }
  if (resize.kind === 'short') return shortSide(picture, resize.size)
  if (target === undefined || (picture.height === target.height && picture.width === target.width)) return picture
  const wanted = {
    height: Math.floor(target.height * resize.by + 0.5),
    width: Math.floor(target.width * resize.by + 0.5),
  }
  // The side that needs the larger factor is met exactly, the other is at least as large.
  return wanted.height * picture.width >= wanted.width * picture.height
    ? { height: wanted.height, width: atLeast(wanted.width, (picture.width * wanted.height) / picture.height) }
    : { height: atLeast(wanted.height, (picture.height * wanted.width) / picture.width), width: wanted.width }
}

function atLeast(least: number, length: number): number {
  return Math.max(least, Math.floor(length))
}

/** The longer side is rounded down, as torchvision and Transformers do. */
function shortSide({ height, width }: PictureSize, size: number): PictureSize {
  return width <= height
    ? { width: size, height: atLeast(1, (size * height) / width) }
    : { height: size, width: atLeast(1, (size * width) / height) }
}

export function sizeText({ height, width }: PictureSize): string {
  return `${height}x${width}`
}
