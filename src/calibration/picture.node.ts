import { createRequire } from 'node:module'
import { TersorError } from '../errors.ts'
import type { Pixels } from './pictures/pixels.ts'

/** A decoded picture: [height, width, channels], bytes 0 to 255; 1 channel grey, 3 RGB, 4 with alpha. */
export interface Picture {
  readonly shape: readonly [number, number, number]
  readonly data: Uint8Array
}

/** More pixels than this in one file are no picture that someone quantizes. */
const MOST_PIXELS = 268_435_456

interface SharpPicture {
  rotate(): SharpPicture
  toColourspace(space: 'srgb'): SharpPicture
  raw(): { toBuffer(options: { resolveWithObject: true }): Promise<RawPicture> }
}
type Sharp = (input: Uint8Array | string, options?: object) => SharpPicture

interface RawPicture {
  readonly data: Uint8Array
  readonly info: { readonly width: number; readonly height: number; readonly channels: number }
}

/**
 * A photo as models are fed with it: upright (as its EXIF data say), sRGB with 8 bits, no colour profile applied, no alpha.
 * Only the decoding is sharp's; sizes, crops and values are worked out by our own code. Errors as for `readPicture`.
 */
export async function readPhoto(bytes: Uint8Array, label: string): Promise<Pixels> {
  const sharp = loadSharp(label)
  const { data, info } = await decoded(label, () =>
    sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error', ignoreIcc: true })
      .rotate()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true }),
  )
  const { height, width, channels } = info
  const kept = channels >= 3 ? 3 : 1
  if (channels === kept)
    return { height, width, channels: kept, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  const plain = new Uint8Array(height * width * kept)
  for (let i = 0; i < height * width; i += 1)
    for (let c = 0; c < kept; c += 1) plain[i * kept + c] = data[i * channels + c]!
  return { height, width, channels: kept, data: plain }
}

/** Decodes jpeg, png or webp with sharp. E_UNSUPPORTED when sharp is not installed, E_FORMAT when the bytes are damaged. */
export async function readPicture(bytes: Uint8Array, label: string): Promise<Picture> {
  const sharp = loadSharp(label)
  const { data, info } = await decoded(label, () =>
    sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' }).raw().toBuffer({ resolveWithObject: true }),
  )
  return { shape: [info.height, info.width, info.channels], data: new Uint8Array(data) }
}

async function decoded(label: string, decode: () => Promise<RawPicture>): Promise<RawPicture> {
  try {
    return await decode()
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_FORMAT', `${label}: this picture cannot be decoded: ${words}`, {
      where: label,
      hint: 'replace the file; as one sample of many it is left out with --skip-bad',
      cause,
    })
  }
}

/** PNG bytes of a picture. */
export async function writePicture({ shape, data }: Picture, label: string): Promise<Uint8Array> {
  const [height, width, channels] = shape
  const sharp = loadSharp(label) as unknown as (
    input: Uint8Array,
    options: object,
  ) => { png(): { toBuffer(): Promise<Uint8Array> } }
  return new Uint8Array(await sharp(data, { raw: { width, height, channels } }).png().toBuffer())
}

function loadSharp(label: string): Sharp {
  try {
    // Importing it would search what it needs in CommonJS for names first.
    return createRequire(import.meta.url)('sharp') as Sharp
  } catch (cause) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `${label} is a picture, and sharp, which decodes pictures, is not installed`,
      {
        where: label,
        hint: 'npm install sharp, or give the values as .npy',
        cause,
      },
    )
  }
}
