import { TersorError } from '../../errors.ts'
import type { SampleItem } from '../arrays-samples.ts'
import { type PictureInput, pictureValue } from './picture-input.ts'
import type { Pixels } from './pixels.ts'
import type { PictureRecipe } from './recipe.ts'

/** A photo has some megabytes, and fewer pixels than this. */
const LARGEST_FILE = 512 * 1024 * 1024
const MOST_PIXELS = 268_435_456

/** One sample for each picture, decoded by the browser; sizes, crops and values are worked out as everywhere else. */
export function pictureBlobItem(blob: Blob, label: string, to: PictureInput, recipe: PictureRecipe): SampleItem {
  return {
    label,
    count: 1,
    gives: new Map([[to.input.name, to.input.dtype]]),
    unused: [],
    async read() {
      const pixels = await decodePicture(blob, label)
      return { label, feeds: { [to.input.name]: pictureValue(pixels, to, recipe, label) } }
    },
  }
}

/**
 * Upright as its EXIF data say, sRGB values as stored (no colour profile applied), no alpha. E_UNSUPPORTED where there is no
 * `createImageBitmap`, E_FORMAT for what the browser does not decode.
 */
export async function decodePicture(blob: Blob, label: string): Promise<Pixels> {
  if (typeof createImageBitmap === 'undefined' || typeof OffscreenCanvas === 'undefined') {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${label}: pictures are decoded by a browser or a worker of one; here is none`,
      {
        where: label,
        hint: 'in Node, import from tersor/node; else give samples with their values',
      },
    )
  }
  if (blob.size > LARGEST_FILE)
    throw new TersorError('E_LIMIT', `${label}: ${blob.size} bytes; a picture has at most ${LARGEST_FILE}`, {
      where: label,
    })
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(blob, {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
      imageOrientation: 'from-image',
    })
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${label}: the browser cannot decode this picture`, { where: label, cause })
  }
  try {
    const { width, height } = bitmap
    if (width * height > MOST_PIXELS)
      throw new TersorError('E_LIMIT', `${label}: ${width}x${height} pixels; at most ${MOST_PIXELS} are read`, {
        where: label,
      })
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
    if (context === null)
      throw new TersorError('E_UNSUPPORTED', `${label}: this browser gives no canvas to read pixels from`)
    context.drawImage(bitmap, 0, 0)
    return { height, width, channels: 3, data: withoutAlpha(context.getImageData(0, 0, width, height).data) }
  } finally {
    bitmap.close()
  }
}

function withoutAlpha(rgba: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!
    rgb[to + 1] = rgba[from + 1]!
    rgb[to + 2] = rgba[from + 2]!
  }
  return rgb
}
