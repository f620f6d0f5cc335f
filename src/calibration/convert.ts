import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { decodeBf16Array } from '../numbers/bf16.ts'
import { isFloat, isInteger } from '../numbers/dtype.ts'
import { decodeF16Array, encodeF16Array } from '../numbers/f16.ts'

/** Whether values of one type may stand for another's: float for float, integer for integer or truth. Floats never become integers. */
export function isConvertible(from: DType, to: DType): boolean {
  if (from === to) return true
  if (isFloat(from) && isFloat(to)) return READABLE_FLOATS.has(from) && WRITABLE_FLOATS.has(to)
  return RANGES.has(from) && RANGES.has(to)
}

/** The same values in another type. E_FORMAT when an integer does not fit there. */
export function convertValue(value: Value, dtype: DType, where: string): Value {
  if (value.dtype === dtype) return value
  if (!isConvertible(value.dtype, dtype) || !(value.data instanceof Uint8Array)) {
    throw new TersorError('E_FORMAT', `${where}: expected elements of type ${dtype}, found ${value.dtype}`, {
      where,
      hint:
        isInteger(value.dtype) && isFloat(dtype)
          ? 'scale the integers to the floats the model was trained on'
          : 'convert the data',
    })
  }
  const data = isFloat(dtype) ? convertFloats(value, dtype) : convertIntegers(value, dtype, where)
  return { dtype, shape: value.shape, data }
}

const READABLE_FLOATS: ReadonlySet<DType> = new Set<DType>(['f64', 'f32', 'f16', 'bf16'])
const WRITABLE_FLOATS: ReadonlySet<DType> = new Set<DType>(['f64', 'f32', 'f16'])

interface IntegerArray {
  readonly length: number
  [index: number]: number | bigint
  readonly buffer: ArrayBufferLike
}
interface IntegerArrays {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): IntegerArray
  new (length: number): IntegerArray
  readonly BYTES_PER_ELEMENT: number
}

/** Array and range of each integer type; booleans are 0 and 1. */
const RANGES: ReadonlyMap<DType, readonly [IntegerArrays, bigint, bigint]> = new Map<
  DType,
  readonly [IntegerArrays, bigint, bigint]
>([
  ['i64', [BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n]],
  ['u64', [BigUint64Array, 0n, 2n ** 64n - 1n]],
  ['i32', [Int32Array, -(2n ** 31n), 2n ** 31n - 1n]],
  ['u32', [Uint32Array, 0n, 2n ** 32n - 1n]],
  ['i16', [Int16Array, -32768n, 32767n]],
  ['u16', [Uint16Array, 0n, 65535n]],
  ['i8', [Int8Array, -128n, 127n]],
  ['u8', [Uint8Array, 0n, 255n]],
  ['bool', [Uint8Array, 0n, 1n]],
])

/** A copy where the bytes do not start at a multiple of the width. */
function viewOf<T>(
  array: { new (buffer: ArrayBufferLike, byteOffset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const width = array.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice()
  return new array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / width))
}

/** The floats of a value; only for float types. */
export function floatsOf(value: Value): Float32Array | Float64Array {
  const bytes = value.data as Uint8Array
  if (value.dtype === 'f64') return viewOf(Float64Array, bytes)
  if (value.dtype === 'f16') return decodeF16Array(viewOf(Uint16Array, bytes))
  if (value.dtype === 'bf16') return decodeBf16Array(viewOf(Uint16Array, bytes))
  return viewOf(Float32Array, bytes)
}

/** The integers of a value; only for integer and boolean types of 8 bits or more. */
export function integersOf(value: Value): IntegerArray {
  return viewOf((RANGES.get(value.dtype) ?? RANGES.get('u8')!)[0], value.data as Uint8Array)
}

/** Floats as the bytes of `dtype`. */
export function packFloats(floats: Float32Array | Float64Array, dtype: DType): Uint8Array {
  if (dtype === 'f64') return bytesOf(new Float64Array(floats))
  const single = floats instanceof Float32Array ? floats : new Float32Array(floats)
  if (dtype !== 'f16') return bytesOf(single)
  const codes = new Uint16Array(single.length)
  encodeF16Array(single, codes)
  return bytesOf(codes)
}

/** Integers, as numbers, in the bytes of `dtype`. */
export function packIntegers(integers: ArrayLike<number>, dtype: DType): Uint8Array {
  const [array] = RANGES.get(dtype) ?? RANGES.get('i64')!
  const packed = new array(integers.length)
  const wide = array === BigInt64Array || array === BigUint64Array
  for (let i = 0; i < integers.length; i += 1) packed[i] = wide ? BigInt(integers[i]!) : integers[i]!
  return bytesOf(packed)
}

function convertFloats(value: Value, dtype: DType): Uint8Array {
  return packFloats(floatsOf(value), dtype)
}

function convertIntegers(value: Value, dtype: DType, where: string): Uint8Array {
  const source = integersOf(value)
  const [array, least, most] = RANGES.get(dtype)!
  const target = new array(source.length)
  const wide = array === BigInt64Array || array === BigUint64Array
  for (let i = 0; i < source.length; i += 1) {
    const element = source[i]!
    if (element < least || element > most) {
      throw new TersorError('E_FORMAT', `${where}: ${element} at element ${i} does not fit ${dtype}`, { where })
    }
    target[i] = wide ? BigInt(element) : Number(element)
  }
  return bytesOf(target)
}

function bytesOf(array: { readonly buffer: ArrayBufferLike }): Uint8Array {
  return new Uint8Array(array.buffer)
}
