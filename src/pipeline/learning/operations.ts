import { readTensor } from '../../formats/onnx/index.ts'
import type { AttributeValue, Operation, Plain } from '../../gradients/index.ts'
import { attributeOf, connect, constantTensor, isConstantNode, opsetOf, type Scope } from '../../graph/index.ts'
import type { DType } from '../../model/dtype.ts'
import type { Attribute, Model, Node, TensorRef } from '../../model/graph.ts'
import type { Kernels } from '../../model/kernels.ts'
import { elementCountOf, isFloat } from '../../numbers/dtype.ts'
import { decodeF16 } from '../../numbers/f16.ts'
import { floatsOf } from '../floats.ts'

/** A constant as a tape takes it. */
export type Constant =
  | { readonly kind: 'float'; readonly shape: readonly number[]; readonly floats: Float32Array }
  | Plain

/** A main graph as operations, and what they read that never changes. */
export interface OperationGraph {
  /** In the order of the nodes; constants are no operations. */
  readonly operations: readonly Operation[]
  readonly constants: ReadonlyMap<string, TensorRef>
}

/** The main graph of a model, or some of its nodes, operators as they are: what is not known is seen by whoever runs it. */
export async function operationsOf(model: Model, nodes: readonly Node[] = model.graph.nodes): Promise<OperationGraph> {
  const constants = new Map<string, TensorRef>()
  const connections = connect(model)
  for (const [name, definition] of connections.own(connections.scopes[0] as Scope)) {
    const tensor = constantTensor(definition)
    if (tensor !== null) constants.set(name, tensor)
  }
  const opset = opsetOf(model) ?? 0
  const operations: Operation[] = []
  for (const node of nodes) {
    if (isConstantNode(node)) continue
    operations.push(await operationOf(node, opset))
  }
  return { operations, constants }
}

async function operationOf(node: Node, opset: number): Promise<Operation> {
  const attributes = new Map<string, AttributeValue>()
  for (const attribute of node.attributes) {
    const value = await attributeValue(attribute)
    if (value !== null) attributes.set(attribute.name, value)
  }
  if (opset < 13 && (node.op === 'Softmax' || node.op === 'LogSoftmax')) attributes.set('flat', 1)
  if (node.op === 'ConstantOfShape') {
    const value = attributeOf(node, 'value')
    if (value?.kind === 'tensor' && !isFloat(value.value.dtype)) attributes.set('integers', 1)
  }
  const { op, domain, inputs, outputs } = node
  return { op, domain, inputs, outputs, attributes }
}

async function attributeValue(attribute: Attribute): Promise<AttributeValue | null> {
  switch (attribute.kind) {
    case 'float':
    case 'string':
      return attribute.value
    case 'int':
      return Number(attribute.value)
    case 'floats':
    case 'ints':
      return attribute.value.map(Number)
    case 'tensor': {
      const { shape, dtype } = attribute.value
      if (elementCountOf(shape) > 64) return null
      return { kind: 'plain', shape, data: numbersOf(await readTensor(attribute.value), dtype) ?? new Float64Array() }
    }
    default:
      return null
  }
}

/** Elements of a constant; null where its type holds no numbers that a tape knows. */
export async function constantOf(tensor: TensorRef, kernels: Kernels): Promise<Constant | null> {
  const { dtype, shape } = tensor
  if (tensor.storage.kind === 'opaque') return null
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'bf16' || dtype === 'f64') {
    return { kind: 'float', shape, floats: await floatsOf(tensor, 0, elementCountOf(shape), kernels) }
  }
  const data = numbersOf(await readTensor(tensor), dtype)
  return data === null ? null : { kind: 'plain', shape, data }
}

/** Elements of integers, truth values and f32, f64; null for other types. */
export function numbersOf(bytes: Uint8Array, dtype: DType): Float64Array | null {
  const read = READERS.get(dtype)
  if (read === undefined) return null
  const [size, at] = read
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float64Array.from({ length: bytes.byteLength / size }, (_, i) => at(view, i * size))
}

const READERS: ReadonlyMap<DType, readonly [number, (view: DataView, at: number) => number]> = new Map([
  ['i64', [8, (view: DataView, at: number) => Number(view.getBigInt64(at, true))]],
  ['u64', [8, (view: DataView, at: number) => Number(view.getBigUint64(at, true))]],
  ['i32', [4, (view: DataView, at: number) => view.getInt32(at, true)]],
  ['u32', [4, (view: DataView, at: number) => view.getUint32(at, true)]],
  ['i16', [2, (view: DataView, at: number) => view.getInt16(at, true)]],
  ['u16', [2, (view: DataView, at: number) => view.getUint16(at, true)]],
  ['i8', [1, (view: DataView, at: number) => view.getInt8(at)]],
  ['u8', [1, (view: DataView, at: number) => view.getUint8(at)]],
  ['bool', [1, (view: DataView, at: number) => view.getUint8(at)]],
  ['f32', [4, (view: DataView, at: number) => view.getFloat32(at, true)]],
  ['f16', [2, (view: DataView, at: number) => decodeF16(view.getUint16(at, true))]],
  ['f64', [8, (view: DataView, at: number) => view.getFloat64(at, true)]],
])
