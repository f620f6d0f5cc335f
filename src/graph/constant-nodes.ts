import type { DType } from '../model/dtype.ts'
import type { Attribute, Node, TensorRef } from '../model/graph.ts'
import type { Definition } from './consumers.ts'
import { isStandard } from './walk.ts'

/** The bytes of a small tensor; given by the caller because parts do not read files. */
export type ReadSmall = (ref: TensorRef) => Promise<Uint8Array> | Uint8Array

/** Shapes and axes have at most this many elements; longer constants are never read for their values. */
const SMALL_ELEMENTS = 64

/** True for `Constant` nodes, however they spell their value. */
export function isConstantNode(node: Node): boolean {
  return node.op === 'Constant' && isStandard(node)
}

/** The constant behind a definition, under the definition's name; null when it is computed, fed or sparse. */
export function constantTensor(definition: Definition): TensorRef | null {
  if (definition.kind === 'initializer') return definition.tensor
  if (definition.node === null || !isConstantNode(definition.node)) return null
  for (const attribute of definition.node.attributes) {
    const tensor = attributeTensor(attribute, definition.name)
    if (tensor !== null) return tensor
  }
  return null
}

/** True when the definition is a sparse constant in either spelling. */
export function isSparseConstant(definition: Definition): boolean {
  if (definition.kind === 'sparse') return true
  const { node } = definition
  return node !== null && isConstantNode(node) && node.attributes.some(({ name }) => name === 'sparse_value')
}

function attributeTensor(attribute: Attribute, name: string): TensorRef | null {
  switch (attribute.name) {
    case 'value':
      return attribute.kind === 'tensor' ? { ...attribute.value, name } : null
    case 'value_float':
      return attribute.kind === 'float' ? floats(name, [], [attribute.value]) : null
    case 'value_floats':
      return attribute.kind === 'floats' ? floats(name, [attribute.value.length], attribute.value) : null
    case 'value_int':
      return attribute.kind === 'int' ? integers(name, [], [attribute.value]) : null
    case 'value_ints':
      return attribute.kind === 'ints' ? integers(name, [attribute.value.length], attribute.value) : null
    case 'value_string':
      return opaque(name, [])
    case 'value_strings':
      return opaque(name, attribute.kind === 'strings' ? [attribute.value.length] : [])
    default:
      return null
  }
}

function floats(name: string, shape: readonly number[], values: readonly number[]): TensorRef {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true)
  return inMemory(name, 'f32', shape, bytes)
}

function integers(name: string, shape: readonly number[], values: readonly (number | bigint)[]): TensorRef {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setBigInt64(index * 8, BigInt(value), true)
  return inMemory(name, 'i64', shape, bytes)
}

function inMemory(name: string, dtype: DType, shape: readonly number[], bytes: Uint8Array): TensorRef {
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

function opaque(name: string, shape: readonly number[]): TensorRef {
  return { name, dtype: 'string', shape, storage: { kind: 'opaque', byteLength: 0 } }
}

/**
 * Values of a small integer constant (i64 or i32, rank 0 or 1, at most 64 elements), else null.
 * Values beyond the safe range become null too: no shape or axis is that large.
 */
export async function smallIntegers(tensor: TensorRef, readSmall: ReadSmall): Promise<readonly number[] | null> {
  const wide = tensor.dtype === 'i64'
  if ((!wide && tensor.dtype !== 'i32') || tensor.shape.length > 1 || tensor.storage.kind === 'opaque') return null
  const count = tensor.shape[0] ?? 1
  if (count > SMALL_ELEMENTS) return null
  const bytes = tensor.storage.kind === 'bytes' ? tensor.storage.bytes : await readSmall(tensor)
  if (bytes.byteLength !== count * (wide ? 8 : 4)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: number[] = []
  for (let index = 0; index < count; index++) {
    const value = wide ? Number(view.getBigInt64(index * 8, true)) : view.getInt32(index * 4, true)
    if (!Number.isSafeInteger(value)) return null
    values.push(value)
  }
  return values
}
