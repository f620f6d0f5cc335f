import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { intAttribute, intsAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition, Use } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** One value at a time; their other inputs are numbers. */
const UNARY = new Set(
  (
    'Abs Ceil Clip Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Sigmoid ' +
    'Softplus Softsign Sqrt Tanh'
  ).split(' '),
)
const BINARY = new Set(['Add', 'Div', 'Max', 'Min', 'Mul', 'PRelu', 'Pow', 'Sub'])
/** Since this opset axes of one size are added in front of the smaller operand. */
const BROADCASTS = 7
/** Nodes of one region. */
const MOST_NODES = 4096

/** What lies between transposes of one order: it can as well be computed in the order before. */
interface Region {
  readonly order: readonly number[]
  /** Transposes that lead in, and elementwise nodes. */
  readonly nodes: Set<Node>
  /** Names of values in the order behind, by definition, and their names in the order before. */
  readonly values: Map<Definition, string>
}

/**
 * Transposes that undo others go, also where elementwise nodes and joins stand between: these are computed in the order before, with their constants
 * turned. Nets written channels last and run channels first have a pair of them around every convolution, and what they
 * separate is not folded. Two in a row that do not cancel become one. Only where fewer transposes are left.
 */
export async function cancelTransposes(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'transposes')
  const opset = model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0
  if (opset < BROADCASTS) return revision.finish()
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const order = orderOf(node)
      if (order === null || revision.isTouched(node)) continue
      const region = regionFrom(node, order, scope, revision)
      if (region !== null && (await rewritten(region, scope, revision, read))) {
        revision.done(scope, node, `Transpose [${order.join(', ')}] and what undoes it removed`)
      } else if (merged(node, order, scope, revision)) {
        revision.done(scope, node, 'two Transposes in a row written as one')
      }
    }
  }
  return revision.finish()
}

function orderOf(node: Node): readonly number[] | null {
  if (!isStandard(node) || node.op !== 'Transpose') return null
  const order = intsAttribute(node, 'perm') ?? []
  const isOrder = order.toSorted((a, b) => a - b).every((axis, index) => axis === index)
  return isOrder && order.some((axis, index) => axis !== index) ? order : null
}

const isUndoing = (first: readonly number[], second: readonly number[] | null): boolean =>
  second?.length === first.length && second.every((axis, index) => first[axis] === index)

function regionFrom(seed: Node, order: readonly number[], scope: Scope, revision: Revision): Region | null {
  const { connections } = revision
  const own = connections.own(scope)
  const region: Region = { order, nodes: new Set(), values: new Map() }
  const waiting: Definition[] = []
  const enter = (node: Node): void => {
    const value = own.get(node.outputs[0] ?? '')
    if (value === undefined || region.nodes.has(node)) return
    region.nodes.add(node)
    region.values.set(value, orderOf(node) === null ? '' : (node.inputs[0] ?? ''))
    waiting.push(value)
  }
  const isEntry = (definition: Definition | undefined): boolean =>
    definition?.node != null &&
    definition.scope === scope &&
    !revision.isTouched(definition.node) &&
    orderOf(definition.node)?.join() === order.join()
  enter(seed)
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (region.nodes.size > MOST_NODES) return null
    for (const { node, scope: at } of value.uses) {
      if (at !== scope || region.nodes.has(node) || revision.isTouched(node)) continue
      const operands = operandsOf(node)
      const known = operands?.map((name) => connections.resolve(scope, name))
      const turns = known?.every(
        (one) => one && (region.values.has(one) || isEntry(one) || isTurnable(node, one, order.length)),
      )
      if (!known || !turns) continue
      for (const one of known) if (one?.node && isEntry(one)) enter(one.node)
      enter(node)
    }
  }
  return region
}

/** Names of the inputs that have the axes of the result; null for nodes that cannot be computed in another order. */
function operandsOf(node: Node): readonly string[] | null {
  if (!isStandard(node) || node.attributes.some(({ kind }) => kind === 'ref')) return null
  if (UNARY.has(node.op)) return node.inputs.slice(0, 1)
  return (BINARY.has(node.op) && node.inputs.length === 2) || node.op === 'Concat' ? node.inputs : null
}

/** A constant number, or one along one axis, beside values of this rank. */
function isTurnable(node: Node, definition: Definition, rank: number): boolean {
  const tensor = node.op === 'Concat' || definition.alsoInput ? null : constantTensor(definition)
  if (tensor === null || tensor.shape.length > rank) return false
  const long = tensor.shape.filter((size) => size !== 1)
  return long.length === 0 || (long.length === 1 && tensor.dtype === 'f32')
}

async function rewritten(region: Region, scope: Scope, revision: Revision, read: ReadSmall): Promise<boolean> {
  const { order, nodes, values } = region
  const { connections } = revision
  const own = connections.own(scope)
  const isUndone = ({ node, scope: at }: Use): boolean =>
    at === scope && !revision.isTouched(node) && isUndoing(order, orderOf(node))
  const exits = new Set<Node>()
  let [removed, added] = [0, 0]
  const kept = new Set<Definition>()
  for (const [value] of values) {
    for (const use of value.uses) if (!nodes.has(use.node) && isUndone(use)) exits.add(use.node)
    const isSeen = value.outputOf.length > 0 || value.uses.some((use) => !nodes.has(use.node) && !isUndone(use))
    if (isSeen) kept.add(value)
    if (orderOf(value.node as Node) === null) added += isSeen ? 1 : 0
    else removed += isSeen ? 0 : 1
  }
  // What the graph returns keeps its name and its transpose.
  for (const exit of exits) if ((own.get(exit.outputs[0] ?? '')?.outputOf.length ?? 1) > 0) exits.delete(exit)
  for (const [value] of values) {
    const isReturned = value.uses.some((use) => !nodes.has(use.node) && isUndone(use) && !exits.has(use.node))
    if (!isReturned || kept.has(value)) continue
    kept.add(value)
    if (orderOf(value.node as Node) === null) added += 1
    else removed -= 1
  }
  if (exits.size === 0 || removed + exits.size <= added) return false

  const turned = new Map<Node, readonly string[]>()
  for (const [value] of values) if (values.get(value) === '') values.set(value, revision.fresh(value.name))
  for (const node of nodes) {
    if (orderOf(node) !== null) continue
    const inputs: string[] = []
    const operands = new Set(operandsOf(node))
    for (const name of node.inputs) {
      const definition = connections.resolve(scope, name)
      const inside = definition && values.get(definition)
      const tensor = definition === undefined || inside !== undefined ? null : constantTensor(definition)
      if (inside !== undefined) inputs.push(inside)
      else if (tensor === null || !operands.has(name)) inputs.push(name)
      else inputs.push(await turnedConstant(tensor, order, scope, revision, read))
    }
    turned.set(node, inputs)
  }
  for (const [value, inside] of values) {
    const node = value.node as Node
    const inputs = turned.get(node)
    const back: Node = {
      ...{ name: '', op: 'Transpose', domain: '', inputs: [inside], outputs: [value.name] },
      attributes: [{ name: 'perm', kind: 'ints', value: order }],
    }
    if (inputs !== undefined) {
      const axes = node.op === 'Concat' ? concatAxis(node, order) : node
      revision.replace(node, [{ ...axes, inputs, outputs: [inside] }, ...(kept.has(value) ? [back] : [])])
    } else if (!kept.has(value)) revision.replace(node, [])
    for (const use of value.uses) {
      if (!exits.has(use.node) || revision.isTouched(use.node)) continue
      revision.replace(use.node, [])
      revision.readInstead(own.get(use.node.outputs[0] ?? '') as Definition, inside)
    }
  }
  return true
}

function concatAxis(node: Node, order: readonly number[]): Node {
  const axis = intAttribute(node, 'axis', 0)
  const before = order[axis < 0 ? axis + order.length : axis] ?? axis
  const others = node.attributes.filter(({ name }) => name !== 'axis')
  return { ...node, attributes: [...others, { name: 'axis', kind: 'int', value: before }] }
}

/** A constant beside values in the order behind, for values in the order before. */
async function turnedConstant(
  tensor: TensorRef,
  order: readonly number[],
  scope: Scope,
  revision: Revision,
  read: ReadSmall,
): Promise<string> {
  const behind = [...new Array<number>(order.length - tensor.shape.length).fill(1), ...tensor.shape]
  const long = behind.findIndex((size) => size !== 1)
  const values = long < 0 ? null : await readFloats(tensor, read)
  if (values === null) return tensor.name
  const shape = new Array<number>(order.length).fill(1)
  shape[order[long] as number] = values.length
  const name = revision.fresh(tensor.name)
  revision.add(scope, floatConstant(name, 'f32', shape, values))
  return name
}

/** A Transpose that alone reads another one. */
function merged(node: Node, order: readonly number[], scope: Scope, revision: Revision): boolean {
  const before = revision.connections.own(scope).get(node.inputs[0] ?? '')
  const first = before?.node == null || revision.isTouched(before.node) ? null : orderOf(before.node)
  if (!before?.node || first?.length !== order.length || before.uses.length !== 1 || before.outputOf.length > 0)
    return false
  if (revision.isTouched(node)) return false
  const both = order.map((axis) => first[axis] as number)
  revision.replace(before.node, [])
  const attributes = [{ name: 'perm', kind: 'ints' as const, value: both }]
  revision.replace(node, [{ ...node, inputs: [before.node.inputs[0] ?? ''], attributes }])
  return true
}
