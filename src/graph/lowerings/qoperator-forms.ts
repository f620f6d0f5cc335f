import type { Node } from '../../model/graph.ts'
import { intAttribute, intsAttribute, stringAttribute } from '../attributes.ts'
import { familyOfNode } from '../placement/operators.ts'
import { MICROSOFT, makeNode } from './make.ts'

/** Names of a value's codes and of their grid. */
export interface CodedName {
  readonly codes: string
  readonly scale: string
  readonly zero: string
  /** Of the DequantizeLinear: what its scales go along. */
  readonly axis: number
  /** Of the scales; null where they are computed. */
  readonly scales: number | null
}

/** A node between codes. */
export interface Between {
  readonly node: Node
  readonly inputs: readonly (CodedName | null)[]
  /** Null where a result is read in float. */
  readonly outputs: readonly (CodedName | null)[]
  /** int32 codes of the bias; '' without one, null where it is float. */
  readonly bias: string | null
}

/** The node on codes, or why there is none. */
type Form = (between: Between) => Node | string

const FLOAT_INPUT = 'one of its inputs is float'
const FLOAT_RESULT = 'its result is read in float'

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['Conv', conv],
  ['MatMul', matmul],
  ['Gemm', gemm],
  ['Add', (between) => pairwise(between, 'QLinearAdd')],
  ['Mul', (between) => pairwise(between, 'QLinearMul')],
  ['GlobalAveragePool', (between) => single(between, 'QLinearGlobalAveragePool', [])],
  ['AveragePool', averagePool],
  ['LeakyRelu', (between) => single(between, 'QLinearLeakyRelu', ['alpha'])],
  ['Sigmoid', (between) => single(between, 'QLinearSigmoid', [])],
  ['Concat', concat],
])

/** How a node runs on codes; null for operators that have no form. */
export function qoperatorForm(node: Node): Form | null {
  return FORMS.get(node.op) ?? (familyOfNode(node)?.kind === 'pass' ? moved : null)
}

/** Inputs of a node that must be codes. */
export function dataInputs(node: Node): readonly number[] {
  if (node.op === 'Concat') return node.inputs.map((_, index) => index)
  return ['Conv', 'MatMul', 'Gemm', 'Add', 'Mul'].includes(node.op) ? [0, 1] : [0]
}

function conv({ node, inputs: [x, w], outputs: [y], bias }: Between): Node | string {
  if (!x || !w) return FLOAT_INPUT
  if (!y) return FLOAT_RESULT
  if (bias === null) return 'its bias is float'
  if (w.scales !== 1 && w.axis !== 0) return 'the scales of its weight are not along the first axis'
  const made = makeNode('QLinearConv', [...grid(x), ...grid(w), y.scale, y.zero, bias], [y.codes])
  return { ...made, attributes: node.attributes }
}

function matmul({ node, inputs: [a, b], outputs: [y] }: Between): Node | string {
  if (!a || !b) return FLOAT_INPUT
  if (y) return makeNode('QLinearMatMul', [...grid(a), ...grid(b), y.scale, y.zero], [y.codes])
  const reads = [a.codes, b.codes, a.scale, b.scale, a.zero, b.zero]
  return makeNode('MatMulIntegerToFloat', reads, node.outputs, {}, MICROSOFT)
}

function gemm({ node, inputs: [a, b], outputs: [y], bias }: Between): Node | string {
  if (!a || !b) return FLOAT_INPUT
  if (bias === null) return 'its bias is float'
  const along = intAttribute(node, 'transB', 0) === 0 ? 1 : 0
  if (b.scales !== 1 && b.axis !== along) return 'the scales of its weight are not along its results'
  const reads = [...grid(a), ...grid(b), bias, ...(y ? [y.scale, y.zero] : [])]
  return microsoft('QGemm', reads, y?.codes ?? node.outputs[0] ?? '', node, ['alpha', 'transA', 'transB'])
}

function pairwise({ node, inputs: [a, b], outputs: [y] }: Between, op: string): Node | string {
  if (!a || !b) return FLOAT_INPUT
  return y ? microsoft(op, [...grid(a), ...grid(b), y.scale, y.zero], y.codes, node, []) : FLOAT_RESULT
}

function single({ node, inputs: [x], outputs: [y] }: Between, op: string, keeps: readonly string[]): Node | string {
  if (!x) return FLOAT_INPUT
  return y ? microsoft(op, [...grid(x), y.scale, y.zero], y.codes, node, keeps) : FLOAT_RESULT
}

function averagePool(between: Between): Node | string {
  if (intsAttribute(between.node, 'dilations')?.some((size) => size !== 1)) return 'its window is dilated'
  return single(between, 'QLinearAveragePool', ['auto_pad', 'count_include_pad', 'kernel_shape', 'pads', 'strides'])
}

function concat({ node, inputs, outputs: [y] }: Between): Node | string {
  if (inputs.some((input) => !input)) return FLOAT_INPUT
  if (!y) return FLOAT_RESULT
  const reads = inputs.flatMap((input) => grid(input as CodedName))
  return microsoft('QLinearConcat', [y.scale, y.zero, ...reads], y.codes, node, ['axis'])
}

/** Elements keep their grid, so the operator itself moves the codes. */
function moved({ node, inputs: [x], outputs }: Between): Node | string {
  if (!x) return FLOAT_INPUT
  if (outputs.some((y) => !y)) return FLOAT_RESULT
  if (outputs.some((y) => y?.scale !== x.scale || y?.zero !== x.zero)) return 'its result has another grid'
  const inputs = node.inputs.with(0, x.codes)
  // What is padded with has to be the code of zero.
  if (node.op === 'Pad' && stringAttribute(node, 'mode', 'constant') === 'constant') {
    return {
      ...node,
      inputs: [x.codes, node.inputs[1] ?? '', x.zero, ...node.inputs.slice(3)],
      outputs: codes(outputs),
    }
  }
  return { ...node, inputs, outputs: codes(outputs) }
}

function codes(outputs: readonly (CodedName | null)[]): readonly string[] {
  return outputs.map((output) => output?.codes ?? '')
}

function grid({ codes, scale, zero }: CodedName): readonly [string, string, string] {
  return [codes, scale, zero]
}

function microsoft(op: string, inputs: readonly string[], output: string, node: Node, keeps: readonly string[]): Node {
  const attributes = node.attributes.filter(({ name }) => keeps.includes(name))
  return { ...makeNode(op, inputs, [output], {}, MICROSOFT), attributes }
}
