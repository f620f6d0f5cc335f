import type { TensorRef } from '../model/graph.ts'
import { ContentHash } from './content-hash.ts'

/** Bytes [start, end) of a tensor's little-endian elements; given by the caller because parts do not read files. */
export type ReadRange = (ref: TensorRef, start: number, end: number) => Promise<Uint8Array> | Uint8Array

/** Bytes held per tensor at a time. */
const TILE = 1 << 20
/** Bytes of one side of an exact transposed comparison held at a time: a wide band makes long runs on the other side. */
const BAND = 32 << 20

/** Fingerprint of all bytes in file order. */
export async function hashOf(tensor: TensorRef, readRange: ReadRange): Promise<string> {
  const hash = new ContentHash()
  const { byteLength } = tensor.storage
  for (let start = 0; start < byteLength; start += TILE) {
    hash.add(await readRange(tensor, start, Math.min(byteLength, start + TILE)))
  }
  return hash.value
}

/** Fingerprint of a matrix as its transpose would be stored (`flipped`), or as it is; order of reading is file order. */
export async function matrixHash(tensor: TensorRef, flipped: boolean, readRange: ReadRange): Promise<string> {
  const hash = new ContentHash()
  const [rows = 1, columns = 1] = tensor.shape
  const width = elementWidth(tensor)
  const { byteLength } = tensor.storage
  let row = 0
  let column = 0
  for (let start = 0; start < byteLength; start += TILE) {
    const elements = elementsOf(await readRange(tensor, start, Math.min(byteLength, start + TILE)), width)
    for (let index = 0; index < elements.length; index++) {
      hash.addAt(elements[index]!, flipped ? column * rows + row : row * columns + column)
      column++
      if (column === columns) {
        column = 0
        row++
      }
    }
  }
  return hash.value
}

/** Exact equality of all bytes, tile by tile, stopping at the first difference. */
export async function sameBytes(a: TensorRef, b: TensorRef, readRange: ReadRange): Promise<boolean> {
  const { byteLength } = a.storage
  if (b.storage.byteLength !== byteLength) return false
  for (let start = 0; start < byteLength; start += TILE) {
    const end = Math.min(byteLength, start + TILE)
    const left = await readRange(a, start, end)
    const right = await readRange(b, start, end)
    if (!equalBytes(left, right)) return false
  }
  return true
}

/** Exact equality of `a` [rows, columns] with the transpose of `b` [columns, rows], in bands of rows of `a`. */
export async function sameTransposed(a: TensorRef, b: TensorRef, readRange: ReadRange): Promise<boolean> {
  const [rows = 1, columns = 1] = a.shape
  const width = elementWidth(a)
  const bandRows = Math.max(1, Math.floor(BAND / Math.max(1, columns * width)))
  for (let top = 0; top < rows; top += bandRows) {
    const bottom = Math.min(rows, top + bandRows)
    const band = elementsOf(await readRange(a, top * columns * width, bottom * columns * width), width)
    for (let column = 0; column < columns; column++) {
      const run = await readRange(b, (column * rows + top) * width, (column * rows + bottom) * width)
      const other = elementsOf(run, width)
      for (let row = 0; row < other.length; row++) {
        if (band[row * columns + column] !== other[row]) return false
      }
    }
  }
  return true
}

/** Bytes of one element: 2 or 4. Matrices of other widths are not compared with transposes. */
export function elementWidth(tensor: TensorRef): 2 | 4 {
  return tensor.dtype === 'f32' || tensor.dtype === 'i32' || tensor.dtype === 'u32' ? 4 : 2
}

export function elementsOf(bytes: Uint8Array, width: 2 | 4): Uint32Array | Uint16Array {
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice()
  const count = (aligned.byteLength - (aligned.byteLength % width)) / width
  return width === 4
    ? new Uint32Array(aligned.buffer, aligned.byteOffset, count)
    : new Uint16Array(aligned.buffer, aligned.byteOffset, count)
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.byteLength !== right.byteLength) return false
  for (let index = 0; index < left.byteLength; index++) if (left[index] !== right[index]) return false
  return true
}
