import { TersorError } from '../errors.ts'

/** A decoded picture: [height, width, channels], bytes 0 to 255; 1 channel grey, 3 RGB, 4 with alpha. */
export interface Picture {
  readonly shape: readonly [number, number, number]
  readonly data: Uint8Array
}

/** More pixels than this in one file are no picture that someone quantizes. */
const MOST_PIXELS = 268_435_456

type Sharp = (
  input: Uint8Array | string,
  options?: object,
) => {
  raw(): { toBuffer(options: { resolveWithObject: true }): Promise<RawPicture> }
}

interface RawPicture {
  readonly data: Uint8Array
  readonly info: { readonly width: number; readonly height: number; readonly channels: number }
}

/** Decodes jpeg, png or webp with sharp. E_UNSUPPORTED when sharp is not installed, E_FORMAT when the bytes are damaged. */
export async function readPicture(bytes: Uint8Array, label: string): Promise<Picture> {
  const sharp = await loadSharp(label)
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { shape: [info.height, info.width, info.channels], data: new Uint8Array(data) }
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_FORMAT', `${label}: this picture cannot be decoded: ${words}`, { where: label, cause })
  }
}

/** PNG bytes of a picture. */
export async function writePicture({ shape, data }: Picture, label: string): Promise<Uint8Array> {
  const [height, width, channels] = shape
  const sharp = (await loadSharp(label)) as unknown as (
    input: Uint8Array,
    options: object,
  ) => { png(): { toBuffer(): Promise<Uint8Array> } }
  return new Uint8Array(await sharp(data, { raw: { width, height, channels } }).png().toBuffer())
}

async function loadSharp(label: string): Promise<Sharp> {
  try {
    return ((await import('sharp')) as unknown as { default: Sharp }).default
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
