import type { Node } from '../../model/graph.ts'
import { attributeOf, intAttribute, intsAttribute } from '../attributes.ts'
import { type ConstantValue, countOf, inType, isFloatType, isFoldedType, wrapped } from './constant-values.ts'
import { inferShape } from './infer-shape.ts'
import { elementTypeOf } from './known-values.ts'

type Data = Float64Array | BigInt64Array
type Evaluate = (node: Node, inputs: readonly ConstantValue[], most: number) => ConstantValue | null

/** One step in the types of the inputs. Null where the result has no exact value (division of integers by 0). */
interface Arithmetic {
  floats(a: number, b: number): number
  integers(a: bigint, b: bigint): bigint | null
}

/** Results as runtimes give them, bit for bit: only operators that IEEE 754 defines exactly, and moves. */
export function evaluate(node: Node, inputs: readonly ConstantValue[], mostElements: number): ConstantValue | null {
  if (node.attributes.some(({ kind }) => kind === 'ref')) return null
  const result = OPERATORS.get(node.op)?.(node, inputs, mostElements) ?? null
  return result !== null && result.data.length === countOf(result.shape) ? result : null
}

/** Whether the operator is one that `evaluate` knows. */
export function isEvaluated(op: string): boolean {
  return OPERATORS.has(op)
}

const ARITHMETIC: readonly (readonly [string, Arithmetic])[] = [
  ['Add', { floats: (a, b) => a + b, integers: (a, b) => a + b }],
  ['Sub', { floats: (a, b) => a - b, integers: (a, b) => a - b }],
  ['Mul', { floats: (a, b) => a * b, integers: (a, b) => a * b }],
  ['Div', { floats: (a, b) => a / b, integers: (a, b) => (b === 0n ? null : a / b) }],
]

const UNARY: readonly (readonly [string, (value: number) => number])[] = [
  ['Neg', (value) => -value],
  ['Abs', Math.abs],
  ['Sqrt', Math.sqrt],
  ['Reciprocal', (value) => 1 / value],
  ['Floor', Math.floor],
  ['Ceil', Math.ceil],
]

function binary({ floats, integers }: Arithmetic): Evaluate {
  return (node, [a, b], most) => {
    if (a === undefined || b === undefined || a.dtype !== b.dtype || a.dtype === 'f16' || a.dtype === 'bool')
      return null
    const shape = shapeOf(node, [a, b])
    if (shape === null || countOf(shape) > most) return null
    const [left, right] = [offsets(a.shape, shape), offsets(b.shape, shape)]
    if (a.data instanceof Float64Array && b.data instanceof Float64Array) {
      const data = new Float64Array(left.length)
      for (let i = 0; i < data.length; i++) {
        const value = floats(a.data[left[i] as number] as number, b.data[right[i] as number] as number)
        data[i] = inType(a.dtype, value)
      }
      return { dtype: a.dtype, shape, data }
    }
    const data = new BigInt64Array(left.length)
    for (let i = 0; i < data.length; i++) {
      const value = integers(a.data[left[i] as number] as bigint, b.data[right[i] as number] as bigint)
      if (value === null) return null
      data[i] = wrapped(a.dtype, value)
    }
    return { dtype: a.dtype, shape, data }
  }
}

function unary(compute: (value: number) => number): Evaluate {
  return (_node, [a]) => {
    if (a === undefined || !(a.data instanceof Float64Array) || a.dtype === 'f16') return null
    return { ...a, data: a.data.map((value) => inType(a.dtype, compute(value))) }
  }
}

/** Elements stay in order; the shape is what the standard says. */
const reordered: Evaluate = (node, inputs) => {
  const [a] = inputs
  const shape = a && shapeOf(node, inputs)
  return a && shape ? { ...a, shape } : null
}

const transpose: Evaluate = (node, [a]) => {
  if (a === undefined) return null
  const rank = a.shape.length
  const order = intsAttribute(node, 'perm') ?? a.shape.map((_, axis) => rank - 1 - axis)
  const valid = order.length === rank && new Set(order).size === rank && order.every((axis) => axis >= 0 && axis < rank)
  if (!valid) return null
  const shape = order.map((axis) => a.shape[axis] as number)
  const strides = stridesOf(a.shape)
  return {
    ...a,
    shape,
    data: picked(
      a.data,
      places(
        shape,
        order.map((axis) => strides[axis] as number),
      ),
    ),
  }
}

const concat: Evaluate = (node, inputs, most) => {
  const [first] = inputs
  const shape = shapeOf(node, inputs)
  if (first === undefined || shape === null || countOf(shape) > most) return null
  if (inputs.some(({ dtype }) => dtype !== first.dtype)) return null
  const axis = intAttribute(node, 'axis', 1)
  const at = axis < 0 ? axis + shape.length : axis
  const fits = inputs.every((one) => one.shape.every((size, index) => index === at || size === shape[index]))
  if (!fits) return null
  const data = first.data instanceof Float64Array ? new Float64Array(countOf(shape)) : new BigInt64Array(countOf(shape))
  const rows = countOf(shape.slice(0, at))
  let to = 0
  for (let row = 0; row < rows; row++) {
    for (const one of inputs) {
      const length = countOf(one.shape.slice(at))
      data.set(one.data.subarray(row * length, (row + 1) * length) as never, to)
      to += length
    }
  }
  return { dtype: first.dtype, shape, data }
}

const cast: Evaluate = (node, [a]) => {
  const dtype = elementTypeOf(intAttribute(node, 'to', 0))
  if (a === undefined || !isFoldedType(dtype)) return null
  if (dtype === a.dtype) return a
  const [from, to] = [isFloatType(a.dtype), isFloatType(dtype)]
  // Floats out of range, and halves, are rounded in ways that differ: those casts stay.
  if (dtype === 'f16' || dtype === 'bool' || a.dtype === 'bool') return null
  if (a.data instanceof Float64Array) {
    if (to) return { ...a, dtype, data: a.data.map((value) => inType(dtype, value)) }
    if (!a.data.every((value) => Math.abs(value) < 2147483648)) return null
    return { ...a, dtype, data: BigInt64Array.from(a.data, (value) => BigInt(Math.trunc(value))) }
  }
  if (!from && to) {
    const exact = a.data.every((value) => value >= -9007199254740992n && value <= 9007199254740992n)
    return exact ? { ...a, dtype, data: Float64Array.from(a.data, (value) => inType(dtype, Number(value))) } : null
  }
  return { ...a, dtype, data: a.data.map((value) => wrapped(dtype, value)) }
}

const gather: Evaluate = (node, [a, indices], most) => {
  if (a === undefined || !(indices?.data instanceof BigInt64Array)) return null
  const axis = intAttribute(node, 'axis', 0)
  const at = axis < 0 ? axis + a.shape.length : axis
  const size = a.shape[at]
  if (size === undefined) return null
  const shape = [...a.shape.slice(0, at), ...indices.shape, ...a.shape.slice(at + 1)]
  const wanted = Array.from(indices.data, (index) => Number(index < 0n ? index + BigInt(size) : index))
  if (countOf(shape) > most || wanted.some((index) => index < 0 || index >= size)) return null
  const run = countOf(a.shape.slice(at + 1))
  const from: number[] = []
  for (let row = 0; row < countOf(a.shape.slice(0, at)); row++) {
    for (const index of wanted) for (let i = 0; i < run; i++) from.push((row * size + index) * run + i)
  }
  return { ...a, shape, data: picked(a.data, Float64Array.from(from)) }
}

const slice: Evaluate = (node, inputs, most) => {
  const [a] = inputs
  const shape = a && shapeOf(node, inputs)
  if (!a || !shape || countOf(shape) > most) return null
  const integers = integersOf(inputs)
  const starts = intsAttribute(node, 'starts') ?? integers[1] ?? []
  const axes = intsAttribute(node, 'axes') ?? integers[3] ?? undefined
  const strides = stridesOf(a.shape)
  let first = 0
  for (const [index, given] of starts.entries()) {
    const axis = axes?.[index] ?? index
    const at = axis < 0 ? axis + a.shape.length : axis
    const size = a.shape[at] ?? 0
    first += Math.min(size, Math.max(0, given < 0 ? given + size : given)) * (strides[at] ?? 0)
  }
  const from = places(shape, strides).map((place) => place + first)
  return { ...a, shape, data: picked(a.data, from) }
}

const constantOfShape: Evaluate = (node, [a], most) => {
  const shape = a && integersOf([a])[0]
  const value = attributeOf(node, 'value')
  if (!shape || shape.some((size) => size < 0) || countOf(shape) > most) return null
  if (value === undefined) return { dtype: 'f32', shape, data: new Float64Array(countOf(shape)) }
  if (value.kind !== 'tensor' || value.value.storage.kind !== 'bytes' || value.value.dtype !== 'i64') return null
  const [fill = 0n] = new BigInt64Array(value.value.storage.bytes.slice().buffer)
  return { dtype: 'i64', shape, data: new BigInt64Array(countOf(shape)).fill(fill) }
}

const OPERATORS: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ...ARITHMETIC.map(([op, arithmetic]) => [op, binary(arithmetic)] as const),
  ...UNARY.map(([op, compute]) => [op, unary(compute)] as const),
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity'].map((op) => [op, reordered] as const),
  ['Transpose', transpose],
  ['Concat', concat],
  ['Cast', cast],
  ['Gather', gather],
  ['Slice', slice],
  ['ConstantOfShape', constantOfShape],
])

/** The shape of the result where it is known to the last size. */
function shapeOf(node: Node, inputs: readonly ConstantValue[]): readonly number[] | null {
  const shape = inferShape(node, { shapes: inputs.map((one) => one.shape), integers: integersOf(inputs) }, 0)
  const known = shape?.filter((size): size is number => size !== null)
  return shape !== undefined && known?.length === shape.length ? known : null
}

function integersOf(inputs: readonly ConstantValue[]): (readonly number[] | null)[] {
  return inputs.map(({ data, shape }) => {
    return data instanceof BigInt64Array && shape.length <= 1 ? Array.from(data, Number) : null
  })
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => countOf(shape.slice(axis + 1)))
}

/** Where each element of a shape lies, given the distance of neighbours along each axis. */
function places(shape: readonly number[], strides: readonly number[]): Float64Array {
  let result = Float64Array.of(0)
  for (const [axis, size] of shape.entries()) {
    const next = new Float64Array(result.length * size)
    const stride = strides[axis] as number
    for (let i = 0; i < next.length; i++) next[i] = (result[Math.floor(i / size)] as number) + (i % size) * stride
    result = next
  }
  return result
}

/** Where each element of the broadcast shape comes from. */
function offsets(from: readonly number[], to: readonly number[]): Float64Array {
  const strides = stridesOf(from)
  const lead = to.length - from.length
  return places(
    to,
    to.map((_, axis) => (from[axis - lead] === 1 ? 0 : (strides[axis - lead] ?? 0))),
  )
}

function picked(data: Data, from: Float64Array): Data {
  if (data instanceof Float64Array) return Float64Array.from(from, (index) => data[index] as number)
  return BigInt64Array.from(Array.from(from, (index) => data[index] as bigint))
}
