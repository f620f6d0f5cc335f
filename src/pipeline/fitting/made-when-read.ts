import type { TensorStorage } from '../../model/graph.ts'

/** Elements of a tensor that are made when their first byte is read, and forgotten when the last one was. */
export function madeWhenRead(label: string, byteLength: number, make: () => Promise<Uint8Array>): TensorStorage {
  let made: Promise<Uint8Array> | undefined
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    made ??= make()
    const bytes = (await made).subarray(start, end)
    if (end === byteLength) made = undefined
    return bytes
  }
  return { kind: 'span', source: { label, byteLength, read }, start: 0, byteLength }
}
