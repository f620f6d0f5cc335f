import type { Model, Node } from '../model/graph.ts'
import type { OuterLayer, WeightFacts } from '../model/inventory.ts'
import type { Connections, Definition } from './consumers.ts'
import { isStandard } from './walk.ts'

/** Operators that move, cast or squash single values: what lies behind them is still the model's own input or output. */
const PASSED: ReadonlySet<string> = new Set([
  ...['Identity', 'Cast', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten', 'Expand', 'Concat', 'Split'],
  ...['Slice', 'Pad', 'Dropout', 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Clip', 'Min', 'Max'],
])

/** After the last layer also what turns scores into answers. */
const ANSWERS: ReadonlySet<string> = new Set([
  ...['Softmax', 'LogSoftmax', 'Sigmoid', 'Tanh', 'Exp', 'ArgMax', 'ArgMin', 'TopK', 'Gather', 'GatherElements'],
  ...['Hardmax', 'HardSigmoid', 'Softplus', 'Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual', 'Equal', 'Where'],
])

/** Values looked at from one layer; more of them means that it is no end. */
const MOST_STEPS = 4096

const FLOATS: ReadonlySet<string> = new Set(['f16', 'bf16', 'f32', 'f64'])

/**
 * Linear layers at the ends of a model: `first` reads float inputs of the model through nothing but moves and elementwise
 * operators with constants (features of any scale, not normalised yet), `last` leads to outputs of the model and nowhere else. Bodies of
 * If are looked through; what a loop carries is no input.
 */
export function outerLayers(
  model: Model,
  connections: Connections,
  weights: readonly WeightFacts[],
): ReadonlyMap<WeightFacts, OuterLayer> {
  const floatInputs = new Set<string>()
  for (const { name, dtype } of model.graph.inputs) if (FLOATS.has(dtype ?? '')) floatInputs.add(name)
  const byNode = new Map<Node, Definition>()
  for (const one of connections.definitions) if (one.node && one.outputIndex === 0) byNode.set(one.node, one)
  const found = new Map<WeightFacts, OuterLayer>()
  for (const weight of weights) {
    const { uses } = weight
    if (uses.length === 0 || !uses.every(({ role }) => role === 'matmul' || role === 'gemm')) continue
    const products = uses.flatMap(({ node }) => byNode.get(node) ?? [])
    if (products.length < uses.length) continue
    if (products.every((product) => readsInputs(product, floatInputs, connections))) found.set(weight, 'first')
    else if (products.every((product) => onlyAnswers(product, connections))) found.set(weight, 'last')
  }
  return found
}

function readsInputs(product: Definition, floatInputs: ReadonlySet<string>, connections: Connections): boolean {
  const start = connections.resolve(product.scope, product.node?.inputs[0] ?? '')
  if (start === undefined) return false
  const queue = [start]
  const seen = new Set(queue)
  let float = false
  for (const at of queue) {
    if (seen.size > MOST_STEPS) return false
    if (at.kind === 'initializer' || at.kind === 'sparse') continue
    if (at.kind === 'input') {
      if (at.scope.parent !== null || at.scope.graph === null) return false
      float ||= floatInputs.has(at.name)
      continue
    }
    const node = at.node as Node
    if (isConstant(node)) continue
    if (!isStandard(node) || !PASSED.has(node.op)) return false
    // Only the first operand of these is data; shapes, axes and pads come from anywhere.
    const names = DATA_FIRST.has(node.op) ? node.inputs.slice(0, 1) : node.inputs
    let data = 0
    for (const name of names) {
      const next = name === '' ? undefined : connections.resolve(at.scope, name)
      if (next === undefined) continue
      if (!isFixed(next)) data++
      if (!seen.has(next)) {
        seen.add(next)
        queue.push(next)
      }
    }
    // Two computed values together are a layer of their own (a residual, a gate, a centred value).
    if (data > 1 && node.op !== 'Concat') return false
  }
  return float
}

const DATA_FIRST: ReadonlySet<string> = new Set([
  ...['Reshape', 'Squeeze', 'Unsqueeze', 'Expand', 'Split', 'Slice', 'Pad', 'Clip', 'Dropout'],
])

function onlyAnswers(product: Definition, connections: Connections): boolean {
  const queue = [product]
  const seen = new Set(queue)
  let answered = false
  const add = (next: Definition | undefined): void => {
    if (next === undefined || seen.has(next)) return
    seen.add(next)
    queue.push(next)
  }
  for (const at of queue) {
    if (seen.size > MOST_STEPS) return false
    for (const scope of at.outputOf) {
      if (scope.owner === null) {
        answered = true
        continue
      }
      if (scope.owner.op !== 'If' || !isStandard(scope.owner)) return false
      const place = scope.outputs.indexOf(at.name)
      add(connections.resolve(scope.parent!, scope.owner.outputs[place] ?? ''))
    }
    for (const { scope, node, inputIndex } of at.uses) {
      const passed = isStandard(node) && (PASSED.has(node.op) || ANSWERS.has(node.op))
      if (!passed || (inputIndex > 0 && DATA_FIRST.has(node.op))) return false
      const others = node.inputs.filter((name, i) => i !== inputIndex && name !== '')
      const alone = others.every((name) => {
        const other = connections.resolve(scope, name)
        return other === undefined || isFixed(other) || DATA_FIRST.has(node.op)
      })
      if (!alone && ARITHMETIC.has(node.op)) return false
      for (const name of node.outputs) if (name !== '') add(connections.resolve(scope, name))
    }
  }
  return answered
}

const ARITHMETIC: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div'])

function isConstant(node: Node): boolean {
  return isStandard(node) && (node.op === 'Constant' || node.op === 'Shape' || node.op === 'ConstantOfShape')
}

function isFixed(definition: Definition): boolean {
  if (definition.kind === 'initializer' || definition.kind === 'sparse') return true
  return definition.node !== null && isConstant(definition.node)
}
