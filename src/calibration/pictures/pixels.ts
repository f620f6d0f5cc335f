/** Pixels: [height, width, channels], bytes 0 to 255, row by row. */
export interface Pixels {
  readonly height: number
  readonly width: number
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** The weights of ITU-R 601-2 in 16 bits, as Pillow's `convert('L')` has them. */
export function toGrey({ height, width, channels, data }: Pixels): Pixels {
  if (channels === 1) return { height, width, channels, data }
  const grey = new Uint8Array(height * width)
  for (let i = 0; i < grey.length; i += 1) {
    grey[i] = (19595 * data[3 * i]! + 38470 * data[3 * i + 1]! + 7471 * data[3 * i + 2]! + 32768) >> 16
  }
  return { height, width, channels: 1, data: grey }
}

export function toColour({ height, width, channels, data }: Pixels): Pixels {
  if (channels === 3) return { height, width, channels, data }
  const colour = new Uint8Array(3 * height * width)
  for (let i = 0; i < data.length; i += 1) colour.fill(data[i]!, 3 * i, 3 * i + 3)
  return { height, width, channels: 3, data: colour }
}

/** The middle of a picture; where one more row is over, it is cut off below. Both sizes at most the picture's. */
export function middleOf(whole: { readonly height: number; readonly width: number }, height: number, width: number) {
  return { top: Math.floor((whole.height - height) / 2), left: Math.floor((whole.width - width) / 2), height, width }
}

/** A part of a picture, which it is inside of. */
export function cropPixels(
  pixels: Pixels,
  part: { readonly top: number; readonly left: number; readonly height: number; readonly width: number },
): Pixels {
  const { top, left, height, width } = part
  if (pixels.height === height && pixels.width === width) return pixels
  const { channels } = pixels
  const data = new Uint8Array(height * width * channels)
  for (let row = 0; row < height; row += 1) {
    const start = ((top + row) * pixels.width + left) * channels
    data.set(pixels.data.subarray(start, start + width * channels), row * width * channels)
  }
  return { height, width, channels, data }
}
