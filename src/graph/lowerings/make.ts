import type { DType } from '../../model/dtype.ts'
import type { Attribute, Node, TensorRef } from '../../model/graph.ts'

/** Numbers of ONNX element types, as attributes of Cast and its kin take them. */
export const ELEMENT_TYPE: Readonly<Partial<Record<DType, number>>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  f16: 10,
  f64: 11,
  bf16: 16,
}

const DTYPE_OF = new Map(Object.entries(ELEMENT_TYPE).map(([dtype, code]) => [code, dtype as DType]))

/** The dtype of an ONNX element type number; undefined for those that no weight has. */
export function dtypeOf(elementType: number): DType | undefined {
  return DTYPE_OF.get(elementType)
}

/** Attribute values a lowering writes: integers, lists of integers, strings, lists of strings, and `{ float }`. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }

function attribute(name: string, value: AttributeValue): Attribute {
  if (typeof value === 'number') return { name, kind: 'int', value }
  if (typeof value === 'string') return { name, kind: 'string', value }
  if ('float' in value) return { name, kind: 'float', value: value.float }
  if ('floats' in value) return { name, kind: 'floats', value: value.floats }
  if (value.some((item) => typeof item === 'string'))
    return { name, kind: 'strings', value: value as readonly string[] }
  return { name, kind: 'ints', value: value as readonly number[] }
}

/** A node of the default domain unless said; it is named after its first output. Trailing '' inputs are dropped. */
export function makeNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): Node {
  let used = inputs.length
  while (used > 0 && inputs[used - 1] === '') used--
  return {
    name: `${outputs.find((name) => name !== '') ?? op}/${op}`,
    op,
    domain,
    inputs: inputs.slice(0, used),
    outputs,
    attributes: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  }
}

/** Domain of the operators that only onnxruntime has. */
export const MICROSOFT = 'com.microsoft'
export const MICROSOFT_OPSET = { domain: MICROSOFT, version: 1 } as const

export function cast(input: string, output: string, to: DType): Node {
  const code = ELEMENT_TYPE[to]
  if (code === undefined) throw new RangeError(`no Cast to ${to} is ever needed`)
  return makeNode('Cast', [input], [output], { to: code })
}

function inMemory(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): TensorRef {
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

/** A small 1-D i64 tensor: shapes, axes, starts. */
export function int64s(name: string, values: readonly number[]): TensorRef {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => {
    view.setBigInt64(index * 8, BigInt(value), true)
  })
  return inMemory(name, 'i64', [values.length], bytes)
}

export function int32s(name: string, values: readonly number[]): TensorRef {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => {
    view.setInt32(index * 4, value, true)
  })
  return inMemory(name, 'i32', [values.length], bytes)
}

/** A scalar. */
export function float32(name: string, value: number): TensorRef {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return inMemory(name, 'f32', [], bytes)
}

/** A 1-D tensor. */
export function float32s(name: string, values: Float32Array): TensorRef {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((value, index) => {
    view.setFloat32(index * 4, value, true)
  })
  return inMemory(name, 'f32', [values.length], bytes)
}

/** A 1-D tensor of integers of 8 bits. */
export function int8s(name: string, values: ArrayLike<number>): TensorRef {
  const bytes = new Uint8Array(Int8Array.from(values).buffer)
  return inMemory(name, 'i8', [values.length], bytes)
}

/** A scalar. */
export function uint8(name: string, value: number): TensorRef {
  return inMemory(name, 'u8', [], Uint8Array.of(value))
}

/** A tensor of one-byte elements that are all equal. */
export function bytesFilled(name: string, dtype: 'u8' | 'i8', shape: readonly number[], value: number): TensorRef {
  const count = shape.reduce((total, size) => total * size, 1)
  return inMemory(name, dtype, shape, new Uint8Array(count).fill(value))
}
