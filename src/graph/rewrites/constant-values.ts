import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import { decodeF16Array, encodeF16 } from '../../numbers/f16.ts'
import type { ReadSmall } from '../constant-nodes.ts'

/** A constant as values of its type: doubles that the type holds, or integers as BigInt. Rows first. */
export interface ConstantValue {
  readonly dtype: FoldedType
  readonly shape: readonly number[]
  readonly data: Float64Array | BigInt64Array
}

/** Types that are computed with; f16 only moves. */
export type FoldedType = 'f32' | 'f64' | 'f16' | 'i64' | 'i32' | 'bool'

const TYPES: ReadonlySet<DType> = new Set<DType>(['f32', 'f64', 'f16', 'i64', 'i32', 'bool'])

export function isFoldedType(dtype: DType | undefined): dtype is FoldedType {
  return dtype !== undefined && TYPES.has(dtype)
}

export function isFloatType(dtype: FoldedType): boolean {
  return dtype === 'f32' || dtype === 'f64' || dtype === 'f16'
}

/** Elements of a shape. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1)
}

const WIDTHS: Readonly<Record<FoldedType, number>> = { f32: 4, f64: 8, f16: 2, i64: 8, i32: 4, bool: 1 }

/** Bytes that the value takes as a tensor. */
export function byteLengthOf({ dtype, data }: ConstantValue): number {
  return data.length * WIDTHS[dtype]
}

/** The constant's values; null for other types and for what is too long or cannot be read. */
export async function readConstant(
  tensor: TensorRef,
  read: ReadSmall,
  mostElements: number,
): Promise<ConstantValue | null> {
  const { dtype, shape, storage } = tensor
  if (!isFoldedType(dtype) || storage.kind === 'opaque' || storage.kind === 'produced') return null
  if (countOf(shape) > mostElements) return null
  const { buffer } = (storage.kind === 'bytes' ? storage.bytes : await read(tensor)).slice()
  return { dtype, shape, data: decoded(dtype, buffer as ArrayBuffer) }
}

function decoded(dtype: FoldedType, buffer: ArrayBuffer): Float64Array | BigInt64Array {
  switch (dtype) {
    case 'f32':
      return Float64Array.from(new Float32Array(buffer))
    case 'f64':
      return new Float64Array(buffer)
    case 'f16':
      return Float64Array.from(decodeF16Array(new Uint16Array(buffer)))
    case 'i64':
      return new BigInt64Array(buffer)
    case 'i32':
      return BigInt64Array.from(new Int32Array(buffer), BigInt)
    default:
      return BigInt64Array.from(new Uint8Array(buffer), BigInt)
  }
}

/** The value as a tensor in memory. */
export function asTensor(name: string, { dtype, shape, data }: ConstantValue): TensorRef {
  const stored = encoded(dtype, data)
  const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

type Stored = Float64Array | Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array

function encoded(dtype: FoldedType, data: Float64Array | BigInt64Array): Stored {
  if (data instanceof BigInt64Array) {
    if (dtype === 'i64') return data
    const numbers = Array.from(data, Number)
    return dtype === 'i32' ? Int32Array.from(numbers) : Uint8Array.from(numbers)
  }
  if (dtype === 'f64') return data
  return dtype === 'f16' ? Uint16Array.from(data, encodeF16) : Float32Array.from(data)
}

/** Rounds, or wraps around, to what the type holds. */
export function inType(dtype: FoldedType, value: number): number {
  return dtype === 'f32' ? Math.fround(value) : value
}

export function wrapped(dtype: FoldedType, value: bigint): bigint {
  return dtype === 'i32' ? BigInt.asIntN(32, value) : BigInt.asIntN(64, value)
}
