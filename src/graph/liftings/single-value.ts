import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import { decodeBf16 } from '../../numbers/bf16.ts'
import { decodeF16 } from '../../numbers/f16.ts'
import type { ReadSmall } from '../constant-nodes.ts'

/** Reads the one element of a tensor; undefined for types that no scale or zero has. */
export async function singleValue(tensor: TensorRef, readSmall: ReadSmall): Promise<number | undefined> {
  if (tensor.shape.some((size) => size !== 1) || tensor.storage.byteLength > 8) return undefined
  const bytes = await readSmall(tensor)
  return elementOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), tensor.dtype)
}

function elementOf(view: DataView, dtype: DType): number | undefined {
  const low = view.byteLength > 0 ? view.getUint8(0) : 0
  switch (dtype) {
    case 'f32':
      return view.getFloat32(0, true)
    case 'f64':
      return view.getFloat64(0, true)
    case 'f16':
      return decodeF16(view.getUint16(0, true))
    case 'bf16':
      return decodeBf16(view.getUint16(0, true))
    case 'i32':
      return view.getInt32(0, true)
    case 'u16':
      return view.getUint16(0, true)
    case 'i16':
      return view.getInt16(0, true)
    case 'u8':
      return low
    case 'i8':
      return view.getInt8(0)
    case 'u4':
      return low % 16
    case 'i4':
      return (((low % 16) + 8) % 16) - 8
    case 'u2':
      return low % 4
    case 'i2':
      return (((low % 4) + 2) % 4) - 2
    default:
      return undefined
  }
}
