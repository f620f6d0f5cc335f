import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'
import { decodeBf16Array, encodeBf16 } from '../../numbers/bf16.ts'
import { decodeF16Array, encodeF16 } from '../../numbers/f16.ts'
import type { ReadSmall } from '../constant-nodes.ts'

/** Constants longer than this are not taken into memory; their nodes stay as they are. */
export const MOST_CONSTANT_BYTES = 1 << 27

const FLOATS: ReadonlySet<DType> = new Set<DType>(['f32', 'f16', 'bf16', 'f64'])

/** Whether the values of a constant can be had as floats: a float type, plain elements, not too long. */
export function isReadableFloat({ dtype, storage }: TensorRef): boolean {
  const plain = storage.kind !== 'opaque' && storage.kind !== 'produced'
  return FLOATS.has(dtype) && plain && storage.byteLength <= MOST_CONSTANT_BYTES
}

/** The values of a float constant; null when they cannot be had. */
export async function readFloats(tensor: TensorRef, read: ReadSmall): Promise<Float64Array | null> {
  if (!isReadableFloat(tensor)) return null
  const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await read(tensor)
  const { buffer } = bytes.slice()
  switch (tensor.dtype) {
    case 'f32':
      return Float64Array.from(new Float32Array(buffer))
    case 'f16':
      return Float64Array.from(decodeF16Array(new Uint16Array(buffer)))
    case 'bf16':
      return Float64Array.from(decodeBf16Array(new Uint16Array(buffer)))
    default:
      return new Float64Array(buffer)
  }
}

/** A constant in memory; values are rounded once, to the given type. */
export function floatConstant(
  name: string,
  dtype: DType,
  shape: readonly number[],
  values: Float64Array | readonly number[],
): TensorRef {
  const data = encoded(dtype, Float64Array.from(values))
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

function encoded(dtype: DType, values: Float64Array): Float32Array | Float64Array | Uint16Array {
  if (dtype === 'f64') return values
  if (dtype === 'f16') return Uint16Array.from(values, encodeF16)
  if (dtype === 'bf16') return Uint16Array.from(values, encodeBf16)
  return Float32Array.from(values)
}
