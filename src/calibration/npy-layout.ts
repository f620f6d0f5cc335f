import type { NpyHeader } from './npy-header.ts'

/** Big-endian numbers turned round; other bytes as they are. Never changes its argument. */
export function swapBytes(bytes: Uint8Array, { swap }: Pick<NpyHeader, 'swap'>): Uint8Array {
  if (swap === 0) return bytes
  const turned = new Uint8Array(bytes.byteLength)
  for (let start = 0; start + swap <= bytes.byteLength; start += swap) {
    for (let i = 0; i < swap; i += 1) turned[start + i] = bytes[start + swap - 1 - i]!
  }
  return turned
}

/** Elements from column-major to row-major order. */
export function toRowMajor(bytes: Uint8Array, shape: readonly number[], elementBytes: number): Uint8Array {
  const result = new Uint8Array(bytes.byteLength)
  const strides: number[] = []
  let stride = elementBytes
  for (const size of shape) {
    strides.push(stride)
    stride *= size
  }
  const index = new Array<number>(shape.length).fill(0)
  let from = 0
  for (let to = 0; to < result.byteLength; to += elementBytes) {
    for (let i = 0; i < elementBytes; i += 1) result[to + i] = bytes[from + i]!
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis]! += 1
      from += strides[axis]!
      if (index[axis]! < shape[axis]!) break
      from -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return result
}

/** Strings of fixed width, without the zeros that pad them. */
export function decodeStrings(
  bytes: Uint8Array,
  { elementBytes, text }: Pick<NpyHeader, 'elementBytes' | 'text'>,
): string[] {
  if (elementBytes === 0) return []
  const decoder = new TextDecoder()
  const strings: string[] = []
  for (let start = 0; start + elementBytes <= bytes.byteLength; start += elementBytes) {
    const element = bytes.subarray(start, start + elementBytes)
    strings.push(text === 'bytes' ? decoder.decode(withoutPadding(element)) : fromCodePoints(element))
  }
  return strings
}

function withoutPadding(element: Uint8Array): Uint8Array {
  let end = element.byteLength
  while (end > 0 && element[end - 1] === 0) end -= 1
  return element.subarray(0, end)
}

function fromCodePoints(element: Uint8Array): string {
  let text = ''
  for (let at = 0; at < element.byteLength; at += 4) {
    const point = element[at]! + element[at + 1]! * 256 + element[at + 2]! * 65_536
    if (point > 0) text += String.fromCodePoint(Math.min(point, 0x10ffff))
  }
  return text
}
