import type { DType } from '../../model/dtype.ts'

/**
 * The ONNX messages as data: public field numbers of onnx.proto up to IR 13.
 * A *key* is number * 8 + wire type, as it stands in the file; a field that comes with another wire type is an unknown field.
 */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

const varint = (number: number): number => number * 8 + VARINT
const bytes = (number: number): number => number * 8 + BYTES
const fixed32 = (number: number): number => number * 8 + FIXED32
const fixed64 = (number: number): number => number * 8 + FIXED64

export const MODEL = {
  irVersion: varint(1),
  producerName: bytes(2),
  producerVersion: bytes(3),
  domain: bytes(4),
  modelVersion: varint(5),
  docString: bytes(6),
  graph: bytes(7),
  opsetImport: bytes(8),
  metadataProps: bytes(14),
  trainingInfo: bytes(20),
  functions: bytes(25),
  configuration: bytes(26),
} as const

export const OPSET = { domain: bytes(1), version: varint(2) } as const

export const ENTRY = { key: bytes(1), value: bytes(2) } as const

export const GRAPH = {
  node: bytes(1),
  name: bytes(2),
  initializer: bytes(5),
  docString: bytes(10),
  input: bytes(11),
  output: bytes(12),
  valueInfo: bytes(13),
  quantizationAnnotation: bytes(14),
  sparseInitializer: bytes(15),
  metadataProps: bytes(16),
} as const

export const NODE = {
  input: bytes(1),
  output: bytes(2),
  name: bytes(3),
  opType: bytes(4),
  attribute: bytes(5),
  docString: bytes(6),
  domain: bytes(7),
  overload: bytes(8),
  metadataProps: bytes(9),
} as const

export const ATTRIBUTE = {
  name: bytes(1),
  f: fixed32(2),
  i: varint(3),
  s: bytes(4),
  t: bytes(5),
  g: bytes(6),
  floats: fixed32(7),
  floatsPacked: bytes(7),
  ints: varint(8),
  intsPacked: bytes(8),
  strings: bytes(9),
  tensors: bytes(10),
  graphs: bytes(11),
  docString: bytes(13),
  typeProto: bytes(14),
  typeProtos: bytes(15),
  type: varint(20),
  refAttrName: bytes(21),
  sparseTensor: bytes(22),
  sparseTensors: bytes(23),
} as const

/** AttributeProto.type. */
export const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
} as const

export const TENSOR = {
  dims: varint(1),
  dimsPacked: bytes(1),
  dataType: varint(2),
  segment: bytes(3),
  floatData: fixed32(4),
  floatDataPacked: bytes(4),
  int32Data: varint(5),
  int32DataPacked: bytes(5),
  stringData: bytes(6),
  int64Data: varint(7),
  int64DataPacked: bytes(7),
  name: bytes(8),
  rawData: bytes(9),
  doubleData: fixed64(10),
  doubleDataPacked: bytes(10),
  uint64Data: varint(11),
  uint64DataPacked: bytes(11),
  docString: bytes(12),
  externalData: bytes(13),
  dataLocation: varint(14),
  metadataProps: bytes(16),
} as const

export const SPARSE_TENSOR = { values: bytes(1), indices: bytes(2), dims: varint(3) } as const

export const VALUE_INFO = { name: bytes(1), type: bytes(2), docString: bytes(3), metadataProps: bytes(4) } as const
export const TYPE = { tensorType: bytes(1), sequenceType: bytes(4), mapType: bytes(5), denotation: bytes(6) } as const
export const TENSOR_TYPE = { elemType: varint(1), shape: bytes(2) } as const
export const SHAPE = { dim: bytes(1) } as const
export const DIMENSION = { value: varint(1), param: bytes(2), denotation: bytes(3) } as const

export const FUNCTION = {
  name: bytes(1),
  input: bytes(4),
  output: bytes(5),
  attribute: bytes(6),
  node: bytes(7),
  docString: bytes(8),
  opsetImport: bytes(9),
  domain: bytes(10),
  attributeProto: bytes(11),
  valueInfo: bytes(12),
  overload: bytes(13),
  metadataProps: bytes(14),
} as const

export type TypedField = 'float' | 'int32' | 'string' | 'int64' | 'double' | 'uint64'

export interface DTypeFacts {
  readonly dtype: DType
  /** TensorProto.DataType. */
  readonly code: number
  /** 0 for strings. */
  readonly bits: number
  /** Field that holds the elements when `raw_data` does not. */
  readonly field: TypedField
}

const FACTS: readonly DTypeFacts[] = [
  { dtype: 'f32', code: 1, bits: 32, field: 'float' },
  { dtype: 'u8', code: 2, bits: 8, field: 'int32' },
  { dtype: 'i8', code: 3, bits: 8, field: 'int32' },
  { dtype: 'u16', code: 4, bits: 16, field: 'int32' },
  { dtype: 'i16', code: 5, bits: 16, field: 'int32' },
  { dtype: 'i32', code: 6, bits: 32, field: 'int32' },
  { dtype: 'i64', code: 7, bits: 64, field: 'int64' },
  { dtype: 'string', code: 8, bits: 0, field: 'string' },
  { dtype: 'bool', code: 9, bits: 8, field: 'int32' },
  { dtype: 'f16', code: 10, bits: 16, field: 'int32' },
  { dtype: 'f64', code: 11, bits: 64, field: 'double' },
  { dtype: 'u32', code: 12, bits: 32, field: 'uint64' },
  { dtype: 'u64', code: 13, bits: 64, field: 'uint64' },
  { dtype: 'c64', code: 14, bits: 64, field: 'float' },
  { dtype: 'c128', code: 15, bits: 128, field: 'double' },
  { dtype: 'bf16', code: 16, bits: 16, field: 'int32' },
  { dtype: 'e4m3fn', code: 17, bits: 8, field: 'int32' },
  { dtype: 'e4m3fnuz', code: 18, bits: 8, field: 'int32' },
  { dtype: 'e5m2', code: 19, bits: 8, field: 'int32' },
  { dtype: 'e5m2fnuz', code: 20, bits: 8, field: 'int32' },
  { dtype: 'u4', code: 21, bits: 4, field: 'int32' },
  { dtype: 'i4', code: 22, bits: 4, field: 'int32' },
  { dtype: 'e2m1', code: 23, bits: 4, field: 'int32' },
  { dtype: 'e8m0', code: 24, bits: 8, field: 'int32' },
  { dtype: 'u2', code: 25, bits: 2, field: 'int32' },
  { dtype: 'i2', code: 26, bits: 2, field: 'int32' },
]

const BY_CODE = new Map(FACTS.map((facts) => [facts.code, facts]))
const BY_DTYPE = new Map(FACTS.map((facts) => [facts.dtype, facts]))

/** Undefined for UNDEFINED (0) and for types newer than this table. */
export function dtypeOfCode(code: number): DTypeFacts | undefined {
  return BY_CODE.get(code)
}

export function factsOf(dtype: DType): DTypeFacts {
  return BY_DTYPE.get(dtype) as DTypeFacts
}

/** Bytes of `elementCount` packed elements; the last byte of 2- and 4-bit types may be partly used. */
export function packedByteLength(dtype: DType, elementCount: number): number {
  const { bits } = factsOf(dtype)
  return bits >= 8 ? elementCount * (bits / 8) : Math.ceil(elementCount / (8 / (bits || 8)))
}
