import { bodyValueKey } from '../graph/bodies/index.ts'
import { isStandard, type Scope, scopesOf } from '../graph/index.ts'
import type { Graph, Model, Node } from '../model/graph.ts'

/** Channels in the second dimension of first input and first output. */
const SECOND: ReadonlySet<string> = new Set([
  'Conv',
  'ConvTranspose',
  'BatchNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'MaxPool',
  'AveragePool',
  'GlobalMaxPool',
  'GlobalAveragePool',
  'LRN',
])
/** Channels in the last dimension of first input and first output. */
const LAST: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'LayerNormalization',
  'RMSNormalization',
  'LSTM',
  'GRU',
  'RNN',
])
/** Give what they get, element by element. */
const ELEMENTWISE: ReadonlySet<string> = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Clip',
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Tanh',
  'Elu',
  'Selu',
  'Celu',
  'Gelu',
  'Mish',
  'Softplus',
  'Softsign',
  'Swish',
  'ThresholdedRelu',
  'Erf',
  'Sqrt',
  'Abs',
  'Neg',
  'Exp',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Sum',
  'Max',
  'Min',
  'Dropout',
  'Identity',
  'Cast',
  'Pad',
  'Resize',
  'Upsample',
])

/**
 * Which dimension of a value counts channels (negative: from the end), by what makes and reads it: the
 * second around convolutions and pools, the last around matrix products and recurrent layers, and along operators that work
 * element by element. Values inside bodies go by their keys, as they come out of a tapped model: Scan puts iterations in front, and
 * what a Loop computes has lost its dimensions. Values of which nothing is known are left out.
 */
export function channelAxes(model: Model): ReadonlyMap<string, number> {
  const axes = new Map<string, number>()
  for (const scope of scopesOf(model)) {
    const before = axesBefore(scope)
    if (scope.graph === null || before === null) continue
    for (const [name, axis] of axesIn(scope.graph)) {
      axes.set(bodyValueKey(scope.path, name), axis < 0 ? axis : axis + before)
    }
  }
  return axes
}

/** How many dimensions Scans put before those of a value; null inside Loops. */
function axesBefore(scope: Scope): number | null {
  let count = 0
  for (let at = scope; at.parent !== null; at = at.parent) {
    if (at.owner?.op === 'Loop') return null
    if (at.owner?.op === 'Scan') count++
  }
  return count
}

function axesIn(graph: Graph): ReadonlyMap<string, number> {
  const axes = new Map<string, number>()
  const constants = new Set(graph.initializers.map(({ name }) => name))
  const set = (name: string | undefined, axis: number): void => {
    if (name !== undefined && name !== '' && !axes.has(name) && !constants.has(name)) axes.set(name, axis)
  }
  for (const node of graph.nodes) {
    const axis = own(node)
    if (axis === undefined) continue
    set(node.outputs[0], axis)
    set(node.inputs[0], axis)
  }
  const along = (node: Node): boolean => isStandard(node) && ELEMENTWISE.has(node.op)
  for (const node of graph.nodes) {
    if (!along(node)) continue
    const known = node.inputs.find((name) => axes.has(name))
    if (known !== undefined) set(node.outputs[0], axes.get(known)!)
  }
  for (const node of [...graph.nodes].reverse()) {
    const axis = along(node) ? axes.get(node.outputs[0] ?? '') : undefined
    if (axis !== undefined) set(node.inputs[0], axis)
  }
  return axes
}

function own(node: Node): number | undefined {
  if (!isStandard(node)) return undefined
  if (SECOND.has(node.op)) return 1
  return LAST.has(node.op) ? -1 : undefined
}
