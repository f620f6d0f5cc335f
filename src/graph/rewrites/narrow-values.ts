import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'

type Narrow = 'u8' | 'i8' | 'u16' | 'i16' | 'i32'

/** From the fewest bytes on; of equal ones the unsigned first. */
const TYPES: readonly { readonly dtype: Narrow; readonly bytes: number; readonly min: bigint; readonly max: bigint }[] =
  [
    { dtype: 'u8', bytes: 1, min: 0n, max: 255n },
    { dtype: 'i8', bytes: 1, min: -128n, max: 127n },
    { dtype: 'u16', bytes: 2, min: 0n, max: 65535n },
    { dtype: 'i16', bytes: 2, min: -32768n, max: 32767n },
    { dtype: 'i32', bytes: 4, min: -2147483648n, max: 2147483647n },
  ]

const WIDTHS: Readonly<Partial<Record<DType, number>>> = { i64: 8, i32: 4 }

/** The same integers in the type of fewest bytes that holds them all; null where none is narrower, or the bytes are no integers. */
export function narrowed(tensor: TensorRef, bytes: Uint8Array, name: string): TensorRef | null {
  const width = WIDTHS[tensor.dtype]
  if (width === undefined || bytes.byteLength === 0 || bytes.byteLength % width !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.byteLength / width
  const at = (index: number): bigint =>
    width === 8 ? view.getBigInt64(8 * index, true) : BigInt(view.getInt32(4 * index, true))
  let [min, max] = [at(0), at(0)]
  for (let index = 1; index < count; index++) {
    const value = at(index)
    if (value < min) min = value
    if (value > max) max = value
  }
  const type = TYPES.find((one) => one.bytes < width && one.min <= min && max <= one.max)
  if (type === undefined) return null
  const result = new Uint8Array(count * type.bytes)
  const target = new DataView(result.buffer)
  for (let index = 0; index < count; index++) {
    const value = Number(at(index))
    // Two's complement: the low bytes are the same for both signs.
    if (type.bytes === 1) target.setUint8(index, value)
    else if (type.bytes === 2) target.setUint16(2 * index, value, true)
    else target.setInt32(4 * index, value, true)
  }
  const storage = { kind: 'bytes', bytes: result, byteLength: result.byteLength } as const
  return { name, dtype: type.dtype, shape: tensor.shape, storage }
}
