import { float32s, quantizedRows } from '../graph/lowerings/index.ts'
import type { Node, TensorRef } from '../model/graph.ts'
import type { WeightUse } from '../model/inventory.ts'
import type { LoweringId } from '../model/plan.ts'
import type { WeightWork } from './plan.ts'

/** An activation as an integer product sees it, back in floats under a name of its own. */
export interface Emulated {
  readonly use: WeightUse
  readonly value: string
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
}

type Emulate = (work: WeightWork, node: Node, context: Context) => Omit<Emulated, 'use'>

interface Context {
  readonly opset: number
  fresh(base: string): string
}

/** Products whose activations are quantized at run time, so that the emulation quantizes them too. */
const DYNAMIC: ReadonlyMap<LoweringId, Emulate> = new Map([
  ['onnx/matmul-integer', wholeTensor],
  ['onnx/dynamic-matmul', wholeTensor],
  ['onnx/matmul-integer-rows', rowByRow],
])

/** DynamicQuantizeLinear is there from this opset on. */
const LEAST_OPSET = 11

/**
 * Activations of a weight that are quantized at run time and can be emulated, quantized and dequantized by standard operators.
 * Only for f32.
 */
export function emulatedActivations(work: WeightWork, context: Context): readonly Emulated[] {
  if (context.opset < LEAST_OPSET || work.weight.dtype !== 'f32') return []
  return [...work.groups].flatMap(([id, uses]) => {
    const emulate = DYNAMIC.get(id)
    return emulate ? uses.map((use) => ({ use, ...emulate(work, use.node, context) })) : []
  })
}

function wholeTensor(_work: WeightWork, node: Node, { fresh }: Context): Omit<Emulated, 'use'> {
  const input = node.inputs[0] ?? ''
  const [codes, scale, zero, value] = ['q', 's', 'z', 'd'].map((part) => fresh(`${input}.${part}`)) as [
    string,
    string,
    string,
    string,
  ]
  const nodes = [
    make('DynamicQuantizeLinear', [input], [codes, scale, zero]),
    make('DequantizeLinear', [codes, scale, zero], [value]),
  ]
  return { value, nodes, constants: [] }
}

function rowByRow(work: WeightWork, node: Node, context: Context): Omit<Emulated, 'use'> {
  const input = node.inputs[0] ?? ''
  const constants: TensorRef[] = []
  const constant = (values: Float32Array): string => {
    const tensor = float32s(context.fresh(`${input}.b`), values)
    constants.push(tensor)
    return tensor.name
  }
  const { inverse, floatRows } = work
  const rows = quantizedRows(input, inverse && constant(inverse), work.least?.get(node) ?? null, context)
  const [steps, value] = ['d', 'r'].map((part) => context.fresh(`${input}.${part}`)) as [string, string]
  const nodes = [
    ...rows.nodes,
    make('DequantizeLinear', [rows.codes, rows.level, rows.zero], [steps]),
    make('Mul', [steps, rows.factor], [value]),
  ]
  constants.push(...rows.constants)
  const depth = work.weight.uses[0]?.view?.depth ?? 0
  const exact = new Set(floatRows?.indices)
  let result = value
  const apply = (op: string, left: string, right: string): string => {
    const name = context.fresh(`${input}.u`)
    nodes.push(make(op, [left, right], [name]))
    return name
  }
  // Channels of float rows are as they were; the others lose what they were multiplied by.
  if (inverse || floatRows) {
    const undo = Float32Array.from({ length: depth }, (_, k) => (exact.has(k) ? 0 : 1 / (inverse?.[k] ?? 1)))
    result = apply('Mul', result, constant(undo))
  }
  if (floatRows) {
    const mask = Float32Array.from({ length: depth }, (_, k) => (exact.has(k) ? 1 : 0))
    result = apply('Add', result, apply('Mul', input, constant(mask)))
  }
  return { value: result, nodes, constants }
}

function make(op: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name: '', op, domain: '', inputs, outputs, attributes: [] }
}
