import { zlibSync } from 'fflate'
import { crc32 } from '../../calibration/crc32.ts'

/** Bytes of a picture, row by row. With a palette a byte is a place in it. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
  /** Red, green, blue of up to 256 colours; only with one channel. */
  readonly palette?: Uint8Array
}

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10)
const GREY = 0
const COLOUR = 2
const INDEXED = 3
/** Each byte as its difference to the one predicted from its neighbours, which deflates best for photos. */
const PAETH = 4

/** PNG of a raster (ISO/IEC 15948): eight bits a channel, not interlaced. */
export function encodePng({ width, height, channels, data, palette }: Raster): Uint8Array {
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header[8] = 8
  header[9] = palette !== undefined ? INDEXED : channels === 3 ? COLOUR : GREY
  const row = width * channels
  const lines = new Uint8Array(height * (row + 1))
  for (let y = 0; y < height; y += 1) {
    const to = y * (row + 1)
    const from = y * row
    if (palette !== undefined) {
      lines.set(data.subarray(from, from + row), to + 1)
      continue
    }
    lines[to] = PAETH
    for (let x = 0; x < row; x += 1) {
      const left = x >= channels ? data[from + x - channels]! : 0
      const up = y > 0 ? data[from - row + x]! : 0
      const corner = x >= channels && y > 0 ? data[from - row + x - channels]! : 0
      lines[to + 1 + x] = data[from + x]! - paeth(left, up, corner)
    }
  }
  return joined([
    SIGNATURE,
    chunk('IHDR', header),
    ...(palette === undefined ? [] : [chunk('PLTE', palette)]),
    chunk('IDAT', zlibSync(lines, { level: 6 })),
    chunk('IEND', new Uint8Array(0)),
  ])
}

/** `data:image/png;base64,...` */
export function pngAddress(raster: Raster): string {
  const bytes = encodePng(raster)
  let text = ''
  // Arguments of one call are bounded.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return `data:image/png;base64,${btoa(text)}`
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  for (let i = 0; i < 4; i += 1) bytes[4 + i] = type.charCodeAt(i)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
