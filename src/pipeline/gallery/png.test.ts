import { unzlibSync } from 'fflate'
import { expect, test } from 'vitest'
import { crc32 } from '../../calibration/crc32.ts'
import { encodePng, pngAddress } from './png.ts'

interface Chunk {
  readonly type: string
  readonly data: Uint8Array
}

/** Chunks with their checksums looked at; written from the standard, not from the encoder. */
function chunksOf(png: Uint8Array): Chunk[] {
  expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10])
  const view = new DataView(png.buffer, png.byteOffset)
  const chunks: Chunk[] = []
  for (let at = 8; at < png.length; ) {
    const length = view.getUint32(at)
    expect(view.getUint32(at + 8 + length)).toBe(crc32(png.subarray(at + 4, at + 8 + length)))
    chunks.push({
      type: String.fromCharCode(...png.subarray(at + 4, at + 8)),
      data: png.subarray(at + 8, at + 8 + length),
    })
    at += 12 + length
  }
  return chunks
}

function pixelsIn(chunks: readonly Chunk[], row: number, bytesPerPixel: number): number[] {
  const lines = unzlibSync(chunks.find(({ type }) => type === 'IDAT')!.data)
  const pixels: number[] = []
  let before = new Array<number>(row).fill(0)
  for (let at = 0; at < lines.length; at += row + 1) {
    const now: number[] = []
    for (let i = 0; i < row; i++) {
      const [a, b, c] = [now[i - bytesPerPixel] ?? 0, before[i]!, i >= bytesPerPixel ? before[i - bytesPerPixel]! : 0]
      const p = a + b - c
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)]
      const predicted = lines[at] === 4 ? (pa <= pb && pa <= pc ? a : pb <= pc ? b : c) : 0
      now.push((lines[at + 1 + i]! + predicted) % 256)
    }
    pixels.push(...now)
    before = now
  }
  return pixels
}

test.each([1, 3] as const)('%i channels come back', (channels) => {
  const data = Uint8Array.from({ length: 7 * 5 * channels }, (_, i) => (i * i * 37 + 11) % 256)
  const chunks = chunksOf(encodePng({ width: 7, height: 5, channels, data }))
  expect(chunks.map(({ type }) => type)).toEqual(['IHDR', 'IDAT', 'IEND'])
  expect([...chunks[0]!.data]).toEqual([0, 0, 0, 7, 0, 0, 0, 5, 8, channels === 3 ? 2 : 0, 0, 0, 0])
  expect(pixelsIn(chunks, 7 * channels, channels)).toEqual([...data])
})

test('a palette is kept, and its places unfiltered', () => {
  const palette = Uint8Array.of(0, 0, 0, 255, 128, 0)
  const chunks = chunksOf(encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.of(0, 1, 1, 0), palette }))
  expect(chunks.map(({ type }) => type)).toEqual(['IHDR', 'PLTE', 'IDAT', 'IEND'])
  expect([...chunks[1]!.data]).toEqual([...palette])
  expect(pixelsIn(chunks, 2, 1)).toEqual([0, 1, 1, 0])
})

test('an address is base64 of it', () => {
  expect(pngAddress({ width: 1, height: 1, channels: 1, data: Uint8Array.of(9) })).toMatch(
    /^data:image\/png;base64,iVBORw0KGgo[A-Za-z0-9+/]+=*$/,
  )
})
