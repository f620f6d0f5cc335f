import { TersorError } from '../errors.ts'
import type { Value } from '../model/runtime.ts'
import { decodeBf16Array } from '../numbers/bf16.ts'
import { decodeF16Array } from '../numbers/f16.ts'

/** Elements as JavaScript numbers. */
export type Numbers = Float32Array | Float64Array

/** The numbers of a value; 64-bit integers are rounded to doubles. A view where the type allows. */
export function numbersOf(value: Value, where: string): Numbers {
  if (!(value.data instanceof Uint8Array)) throw new TersorError('E_INTERNAL', `${where}: strings are not numbers`)
  const bytes = value.data.byteOffset % 8 === 0 ? value.data : value.data.slice()
  const view = <T>(array: new (buffer: ArrayBufferLike, start: number, length: number) => T, width: number): T =>
    new array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / width))
  switch (value.dtype) {
    case 'f32':
      return view(Float32Array, 4)
    case 'f64':
      return view(Float64Array, 8)
    case 'f16':
      return decodeF16Array(view(Uint16Array, 2))
    case 'bf16':
      return decodeBf16Array(view(Uint16Array, 2))
    case 'i64':
      return Float64Array.from(view(BigInt64Array, 8), Number)
    case 'u64':
      return Float64Array.from(view(BigUint64Array, 8), Number)
    case 'i32':
      return Float64Array.from(view(Int32Array, 4))
    case 'u32':
      return Float64Array.from(view(Uint32Array, 4))
    case 'i16':
      return Float64Array.from(view(Int16Array, 2))
    case 'u16':
      return Float64Array.from(view(Uint16Array, 2))
    case 'i8':
      return Float64Array.from(view(Int8Array, 1))
    case 'u8':
    case 'bool':
      return Float64Array.from(bytes)
    default:
      throw new TersorError('E_UNSUPPORTED', `${where}: elements of type ${value.dtype} cannot be compared`, { where })
  }
}
