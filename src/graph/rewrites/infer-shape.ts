import type { Node } from '../../model/graph.ts'
import { intAttribute, intsAttribute, stringAttribute } from '../attributes.ts'

/** Sizes of the axes; null where a size is not known. */
export type KnownShape = readonly (number | null)[]

/** What is known of the inputs of a node: shapes (undefined: not even the rank), and values of small integer constants. */
export interface InputFacts {
  readonly shapes: readonly (KnownShape | undefined)[]
  readonly integers: readonly (readonly number[] | null)[]
}

type Rule = (node: Node, inputs: InputFacts, output: number) => KnownShape | undefined

/** More axes than any runtime takes. */
const MOST_AXES = 16

/** Shape of an output from the shapes of the inputs, as the standard says; undefined where it is not known here. */
export function inferShape(node: Node, inputs: InputFacts, output: number): KnownShape | undefined {
  const rule = RULES.get(node.op)
  const shape = node.attributes.some(({ kind }) => kind === 'ref') ? undefined : rule?.(node, inputs, output)
  const fits = shape !== undefined && shape.length <= MOST_AXES
  return fits && shape.every((size) => size === null || (Number.isSafeInteger(size) && size >= 0)) ? shape : undefined
}

const same: Rule = (_node, { shapes }, output) => (output === 0 ? shapes[0] : undefined)

const broadcast: Rule = (_node, { shapes }) => {
  let result: KnownShape = []
  for (const shape of shapes) {
    if (shape === undefined) return undefined
    const rank = Math.max(result.length, shape.length)
    const [left, right] = [result, shape]
    const size = (from: KnownShape, axis: number): number | null => {
      const at = axis - (rank - from.length)
      return at < 0 ? 1 : (from[at] ?? null)
    }
    result = Array.from({ length: rank }, (_, axis) => joined(size(left, axis), size(right, axis)))
  }
  return result
}

function joined(a: number | null, b: number | null): number | null {
  if (a === 1) return b
  if (b === 1) return a
  return a ?? b
}

const conv: Rule = (node, { shapes }) => {
  const [data, weight] = shapes
  if (weight === undefined || weight.length < 3) return undefined
  const spatial = weight
    .slice(2)
    .map((size, axis) => windows(node, data?.[axis + 2] ?? null, size, axis, weight.length - 2))
  return [data?.[0] ?? null, weight[0] ?? null, ...spatial]
}

const convTranspose: Rule = (node, { shapes }) => {
  const [data, weight] = shapes
  if (weight === undefined || weight.length < 3) return undefined
  const perGroup = weight[1] ?? null
  const channels = perGroup === null ? null : perGroup * intAttribute(node, 'group', 1)
  return [data?.[0] ?? null, channels, ...weight.slice(2).map(() => null)]
}

const pool: Rule = (node, { shapes }) => {
  const [data] = shapes
  const kernel = intsAttribute(node, 'kernel_shape')
  if (data === undefined || kernel?.length !== data.length - 2) return undefined
  const ceil = intAttribute(node, 'ceil_mode', 0) !== 0
  const spatial = kernel.map((size, axis) =>
    ceil ? null : windows(node, data[axis + 2] ?? null, size, axis, kernel.length),
  )
  return [data[0] ?? null, data[1] ?? null, ...spatial]
}

/** How many windows fit along one axis. */
function windows(node: Node, size: number | null, kernel: number | null, axis: number, axes: number): number | null {
  if (size === null || kernel === null) return null
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
  const stride = intsAttribute(node, 'strides')?.[axis] ?? 1
  const reach = (kernel - 1) * (intsAttribute(node, 'dilations')?.[axis] ?? 1) + 1
  if (stride < 1) return null
  if (auto.startsWith('SAME')) return Math.ceil(size / stride)
  const pads = auto === 'VALID' ? undefined : intsAttribute(node, 'pads')
  const padded = size + (pads?.[axis] ?? 0) + (pads?.[axis + axes] ?? 0)
  return padded < reach ? null : Math.floor((padded - reach) / stride) + 1
}

const globalPool: Rule = (_node, { shapes }) => shapes[0]?.map((size, axis) => (axis < 2 ? size : 1))

const concat: Rule = (node, { shapes }) => {
  const [first] = shapes
  const axis = first && within(intAttribute(node, 'axis', 1), first.length)
  if (first === undefined || axis === undefined) return undefined
  if (shapes.some((shape) => shape?.length !== first.length)) return undefined
  return first.map((_, at) => {
    const sizes = shapes.map((shape) => shape?.[at] ?? null)
    if (at !== axis) return sizes.find((size) => size !== null) ?? null
    return sizes.reduce((total, size) => (total === null || size === null ? null : total + size), 0)
  })
}

const reshape: Rule = (node, { shapes, integers }) => {
  const wanted = intsAttribute(node, 'shape') ?? integers[1]
  if (!wanted)
    return shapes[1]?.length === 1 && shapes[1][0] != null ? Array(bounded(shapes[1][0])).fill(null) : undefined
  const copies = intAttribute(node, 'allowzero', 0) === 0
  const [data] = shapes
  const result = wanted.map((size, axis) => (size === 0 && copies ? (data?.[axis] ?? null) : size))
  const open = result.indexOf(-1)
  if (open < 0) return result
  const rest = product(result.filter((_, axis) => axis !== open))
  const total = data === undefined ? null : product(data)
  const size = rest === null || total === null || rest === 0 ? null : total / rest
  return result.with(open, size)
}

const flatten: Rule = (node, { shapes }) => {
  const [data] = shapes
  if (data === undefined) return [null, null]
  const axis = intAttribute(node, 'axis', 1)
  const at = axis < 0 ? axis + data.length : axis
  return [product(data.slice(0, at)), product(data.slice(at))]
}

const transpose: Rule = (node, { shapes }) => {
  const [data] = shapes
  const order = intsAttribute(node, 'perm')
  if (order === undefined) return data?.toReversed()
  if (data === undefined) return order.map(() => null)
  return order.length === data.length ? order.map((axis) => data[axis] ?? null) : undefined
}

const squeeze: Rule = (node, { shapes, integers }) => {
  const [data] = shapes
  const axes = intsAttribute(node, 'axes') ?? integers[1]
  if (data === undefined || !axes) return undefined
  const dropped = new Set(axes.map((axis) => (axis < 0 ? axis + data.length : axis)))
  return data.filter((_, axis) => !dropped.has(axis))
}

const unsqueeze: Rule = (node, { shapes, integers }) => {
  const [data] = shapes
  const axes = intsAttribute(node, 'axes') ?? integers[1]
  if (data === undefined || !axes) return undefined
  const rank = bounded(data.length + axes.length)
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
  const rest = [...data]
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? null)))
}

const gemm: Rule = (node, { shapes }) => {
  const [a, b] = shapes
  const rows = a?.[intAttribute(node, 'transA', 0) === 0 ? 0 : 1] ?? null
  return [rows, b?.[intAttribute(node, 'transB', 0) === 0 ? 1 : 0] ?? null]
}

const matmul: Rule = (node, { shapes }) => {
  const [a, b] = shapes
  if (a === undefined || b === undefined || a.length < 2 || b.length < 2) return undefined
  const stack = broadcast(node, { shapes: [a.slice(0, -2), b.slice(0, -2)], integers: [] }, 0) ?? []
  return [...stack, a.at(-2) ?? null, b.at(-1) ?? null]
}

const gather: Rule = (node, { shapes }) => {
  const [data, indices] = shapes
  const axis = data && within(intAttribute(node, 'axis', 0), data.length)
  if (data === undefined || indices === undefined || axis === undefined) return undefined
  return [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
}

const split: Rule = (node, { shapes, integers }, output) => {
  const [data] = shapes
  const axis = data && within(intAttribute(node, 'axis', 0), data.length)
  if (data === undefined || axis === undefined) return undefined
  const parts = intsAttribute(node, 'split') ?? integers[1]
  const [size, count] = [data[axis] ?? null, node.outputs.length]
  const even = size !== null && size % count === 0 && node.inputs.length < 2 ? size / count : null
  return data.with(axis, parts?.[output] ?? even)
}

/** The rank stays; sizes change in ways that are not followed. */
const sameRank: Rule = (_node, { shapes }) => shapes[0]?.map(() => null)

const pad: Rule = (node, { shapes, integers }) => {
  const [data] = shapes
  const pads = intsAttribute(node, 'pads') ?? integers[1]
  if (data === undefined || node.inputs.length > 3 || pads?.length !== 2 * data.length) return data?.map(() => null)
  return data.map((size, axis) => (size === null ? null : size + (pads[axis] ?? 0) + (pads[axis + data.length] ?? 0)))
}

const slice: Rule = (node, { shapes, integers }) => {
  const [data] = shapes
  if (data === undefined) return undefined
  const old = intsAttribute(node, 'starts')
  const starts = old ?? integers[1]
  const ends = intsAttribute(node, 'ends') ?? integers[2]
  const axes = old ? intsAttribute(node, 'axes') : (node.inputs[3] ?? '') === '' ? undefined : integers[3]
  const steps = (node.inputs[4] ?? '') === '' ? undefined : integers[4]
  if (!starts || !ends || axes === null || steps === null) return data.map(() => null)
  const result = [...data]
  for (const [index, given] of starts.entries()) {
    const axis = within(axes?.[index] ?? index, data.length)
    if (axis === undefined) return undefined
    const size = data[axis] ?? null
    const end = ends[index]
    if (size === null || end === undefined || (steps?.[index] ?? 1) !== 1) {
      result[axis] = null
      continue
    }
    const clamp = (value: number): number => Math.min(size, Math.max(0, value < 0 ? value + size : value))
    result[axis] = Math.max(0, clamp(end) - clamp(given))
  }
  return result
}

const reduce: Rule = (node, { shapes, integers }) => {
  const [data] = shapes
  const given = (node.inputs[1] ?? '') === '' ? undefined : integers[1]
  const axes = intsAttribute(node, 'axes') ?? given
  if (data === undefined || axes === null) return undefined
  const all = axes === undefined || axes.length === 0
  if (all && intAttribute(node, 'noop_with_empty_axes', 0) !== 0) return undefined
  const reduced = new Set(axes?.map((axis) => (axis < 0 ? axis + data.length : axis)))
  const keeps = intAttribute(node, 'keepdims', 1) !== 0
  return data.flatMap((size, axis) => (all || reduced.has(axis) ? (keeps ? [1] : []) : [size]))
}

const shape: Rule = (node, { shapes }) => {
  const [data] = shapes
  const whole = node.attributes.length === 0
  return [whole && data !== undefined ? data.length : null]
}

const filled: Rule = (_node, { integers }) => integers[0] ?? undefined

function within(axis: number, rank: number): number | undefined {
  const at = axis < 0 ? axis + rank : axis
  return at >= 0 && at < rank ? at : undefined
}

function product(sizes: KnownShape): number | null {
  return sizes.reduce((total, size) => (total === null || size === null ? null : total * size), 1)
}

function bounded(rank: number): number {
  return Math.min(rank, MOST_AXES + 1)
}

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...rules(same, 'Abs BatchNormalization Cast Ceil Clip Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity'),
  ...rules(same, 'InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization Mish Neg Not'),
  ...rules(same, 'PRelu Reciprocal Relu Round Selu Sigmoid Sign Softmax Softplus Softsign Sqrt Tanh ThresholdedRelu'),
  ...rules(broadcast, 'Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow Sub Sum'),
  ...rules(broadcast, 'Where'),
  ...rules(conv, 'Conv'),
  ...rules(convTranspose, 'ConvTranspose'),
  ...rules(pool, 'AveragePool LpPool MaxPool'),
  ...rules(globalPool, 'GlobalAveragePool GlobalLpPool GlobalMaxPool'),
  ...rules(concat, 'Concat'),
  ...rules(reshape, 'Reshape'),
  ...rules(flatten, 'Flatten'),
  ...rules(transpose, 'Transpose'),
  ...rules(squeeze, 'Squeeze'),
  ...rules(unsqueeze, 'Unsqueeze'),
  ...rules(gemm, 'Gemm'),
  ...rules(matmul, 'MatMul'),
  ...rules(gather, 'Gather'),
  ...rules(split, 'Split'),
  ...rules(sameRank, 'Resize Tile Upsample'),
  ...rules(pad, 'Pad'),
  ...rules(slice, 'Slice'),
  ...rules(reduce, 'ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'),
  ...rules(shape, 'Shape'),
  ...rules(filled, 'ConstantOfShape'),
  ...rules(() => [null], 'Range'),
])

function rules(rule: Rule, operators: string): (readonly [string, Rule])[] {
  return operators.split(' ').map((op) => [op, rule] as const)
}
