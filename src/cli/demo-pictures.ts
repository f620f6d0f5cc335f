import { readFile } from 'node:fs/promises'
import { unzipSync } from 'fflate'
import type { SamplePicture } from '../report/page/pictures.ts'

const SIDE = 8
const PIXELS = SIDE * SIDE

/** The demo's 8 x 8 digits as grey BMP pictures. Reads only our own bundled files. */
export async function demoPictures(images: string, labels: string): Promise<SamplePicture[]> {
  const array = unzipSync(await readFile(images))['image.npy']!
  const view = new DataView(array.buffer, array.byteOffset, array.byteLength)
  // .npy version 1: magic, two version bytes, header length, header, then the elements.
  const start = 10 + view.getUint16(8, true)
  const rows = (await readFile(labels, 'utf8')).trim().split('\n').slice(1)
  return rows.map((row, sample) => ({
    sample,
    expected: row.split(',')[1]!.trim(),
    source: bitmap((pixel) => view.getFloat32(start + 4 * (sample * PIXELS + pixel), true)),
  }))
}

/** 24-bit BMP, rows bottom up; `value` is 0 to 1 for a pixel in reading order. */
function bitmap(value: (pixel: number) => number): string {
  const header = 54
  const bytes = new Uint8Array(header + PIXELS * 3)
  const view = new DataView(bytes.buffer)
  bytes.set([0x42, 0x4d])
  view.setUint32(2, bytes.length, true)
  view.setUint32(10, header, true)
  view.setUint32(14, 40, true)
  view.setInt32(18, SIDE, true)
  view.setInt32(22, SIDE, true)
  view.setUint16(26, 1, true)
  view.setUint16(28, 24, true)
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    const row = SIDE - 1 - Math.floor(pixel / SIDE)
    bytes.fill(
      Math.round(255 * value(pixel)),
      header + 3 * (row * SIDE + (pixel % SIDE)),
      header + 3 * (row * SIDE + (pixel % SIDE)) + 3,
    )
  }
  return `data:image/bmp;base64,${Buffer.from(bytes).toString('base64')}`
}
