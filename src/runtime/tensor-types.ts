import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'

interface ElementArrays {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView
  readonly BYTES_PER_ELEMENT: number
}

/** An element type as onnxruntime's JavaScript interface names and stores it. */
export interface OrtType {
  readonly type: string
  readonly array: ElementArrays
  /** Elements a stored byte run holds per array element; 2 for the packed 4-bit types. */
  readonly perElement: number
}

// The interface has no carrier for bfloat16, the 8-bit floats, the 2-bit integers and complex numbers.
const TYPES: ReadonlyMap<DType, OrtType> = new Map<DType, OrtType>([
  ['f64', { type: 'float64', array: Float64Array, perElement: 1 }],
  ['f32', { type: 'float32', array: Float32Array, perElement: 1 }],
  ['f16', { type: 'float16', array: Uint16Array, perElement: 1 }],
  ['i64', { type: 'int64', array: BigInt64Array, perElement: 1 }],
  ['i32', { type: 'int32', array: Int32Array, perElement: 1 }],
  ['i16', { type: 'int16', array: Int16Array, perElement: 1 }],
  ['i8', { type: 'int8', array: Int8Array, perElement: 1 }],
  ['i4', { type: 'int4', array: Uint8Array, perElement: 2 }],
  ['u64', { type: 'uint64', array: BigUint64Array, perElement: 1 }],
  ['u32', { type: 'uint32', array: Uint32Array, perElement: 1 }],
  ['u16', { type: 'uint16', array: Uint16Array, perElement: 1 }],
  ['u8', { type: 'uint8', array: Uint8Array, perElement: 1 }],
  ['u4', { type: 'uint4', array: Uint8Array, perElement: 2 }],
  ['bool', { type: 'bool', array: Uint8Array, perElement: 1 }],
])

const NAMES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ...[...TYPES].map(([dtype, { type }]) => [type, dtype] as const),
  ['string', 'string'],
])

/** The carrier of `dtype`. E_UNSUPPORTED when onnxruntime's JavaScript interface has none. */
export function ortType(dtype: DType, where: string): OrtType {
  const found = TYPES.get(dtype)
  if (found !== undefined) return found
  throw new TersorError(
    'E_UNSUPPORTED',
    `${where}: onnxruntime's JavaScript interface cannot carry elements of type ${dtype}`,
    { where },
  )
}

/** The element type that onnxruntime calls `type`. */
export function dtypeOf(type: string, where: string): DType {
  const found = NAMES.get(type)
  if (found !== undefined) return found
  throw new TersorError('E_UNSUPPORTED', `${where}: onnxruntime names an element type that is not known: ${type}`, {
    where,
  })
}
