import type { Attribute, Graph, Model, Node, TensorRef, ValueInfo } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import { type Connections, connect } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { isStandard, type Scope } from '../walk.ts'
import { floatConstant, isReadableFloat, readFloats } from './float-constants.ts'
import { elementTypeOf, KnownValues } from './known-values.ts'
import type { RewriteNote, RewrittenModel } from './rewrite-note.ts'

/** Of half-precision constants together; they become twice as long, in memory. */
const MOST_HALF_BYTES = 1 << 29
const PRODUCTS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])
/** Attributes that name the element type of a result. */
const TYPE_NAMES = new Set(['to', 'dtype', 'output_dtype', 'output_datatype'])
const FLOAT = 1

/**
 * A network that multiplies in float16 is computed in float32: constants, casts and declared types are widened; inputs and outputs of
 * the model keep their type, with a Cast behind and before them. Values differ by the rounding to 11 bits that is left out. Models
 * whose products are of other types stay as they are, and so do those with sparse constants or with values that are no tensors at their doors.
 */
export async function widenHalf(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const connections = connect(model)
  if (!(await multipliesHalf(model, connections, read))) return { model, done: [], left: [] }
  const problem = problemOf(model, connections)
  if (problem !== null) {
    return { model, done: [], left: [{ rewrite: 'half', scope: [], node: '', text: problem }] }
  }
  const done: RewriteNote[] = []
  const note = ({ path }: Scope, name: string): void => {
    done.push({ rewrite: 'half', scope: path, node: name, text: 'constant of half precision widened to float32' })
  }
  const doors = doorsOf(model, connections)
  const changes = new Map<Scope, ScopeChange & Partial<Pick<Graph, 'outputs'>>>()
  for (const scope of connections.scopes) {
    const nodes: Node[] = []
    for (const node of scope.nodes) nodes.push(await widenedNode(doors.renamed(node), read))
    for (const node of scope.nodes.filter(hasHalf)) note(scope, node.outputs[0] ?? '')
    const isMain = scope.path.length === 0
    const widened: TensorRef[] = []
    for (const tensor of scope.initializers) {
      widened.push(await widenedTensor(tensor, read))
      if (tensor.dtype === 'f16') note(scope, tensor.name)
    }
    const { graph } = scope
    changes.set(scope, {
      nodes: isMain ? [...doors.first, ...nodes, ...doors.last] : nodes,
      ...(graph === null ? {} : { initializers: widened, values: graph.values.map(doors.value) }),
      ...(graph === null || isMain ? {} : { inputs: graph.inputs.map(wide), outputs: graph.outputs.map(wide) }),
    })
  }
  return { model: rebuild(model, (scope) => changes.get(scope), connections.scopes), done, left: [] }
}

function hasHalf({ attributes }: Node): boolean {
  return attributes.some((one) => one.kind === 'tensor' && one.value.dtype === 'f16')
}

async function multipliesHalf(model: Model, connections: Connections, read: ReadSmall): Promise<boolean> {
  const isProduct = (node: Node): boolean => isStandard(node) && PRODUCTS.has(node.op)
  if (!connections.scopes.some(({ nodes }) => nodes.some(isProduct))) return false
  const known = await KnownValues.of(model, connections, read)
  return connections.scopes.some((scope) =>
    scope.nodes.some(
      (node) => isProduct(node) && node.inputs.slice(0, 2).some((name) => known.dtype(scope, name) === 'f16'),
    ),
  )
}

/** Why a model is left as it is; null where nothing stands against it. */
function problemOf({ graph }: Model, { scopes, definitions }: Connections): string | null {
  if ([...graph.inputs, ...graph.outputs].some(({ dtype }) => dtype === undefined)) {
    return 'an input or output is no plain tensor'
  }
  const sparse = scopes.some(
    ({ sparseInitializers, nodes }) =>
      sparseInitializers.length > 0 ||
      nodes.some(({ attributes }) => attributes.some(({ name }) => name === 'sparse_value')),
  )
  if (sparse) return 'it has sparse constants'
  const halves = scopes.flatMap(({ initializers }) => initializers.filter(({ dtype }) => dtype === 'f16'))
  const bytes = halves.reduce((sum, { storage }) => sum + storage.byteLength, 0)
  if (bytes > MOST_HALF_BYTES || !halves.every(isReadableFloat)) return 'its constants of half precision are too long'
  const shown = definitions.some(
    ({ tensor, alsoInput, outputOf }) =>
      tensor?.dtype === 'f16' && (alsoInput || outputOf.some(({ path }) => path.length === 0)),
  )
  if (shown) return 'a constant of half precision is an input or output too'
  const door = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  const captured = definitions.some(
    ({ scope, name, outputOf }) => scope.path.length === 0 && door.has(name) && outputOf.some((one) => one !== scope),
  )
  return captured ? 'a body returns an input or output of the model' : null
}

interface Doors {
  readonly first: readonly Node[]
  readonly last: readonly Node[]
  /** The node under the names inside. */
  renamed(node: Node): Node
  value(info: ValueInfo): ValueInfo
}

/** Casts at inputs and outputs of half precision, and the names of what is between them. */
function doorsOf(model: Model, connections: Connections): Doors {
  const fresh = freshNames(model)
  const main = connections.own(connections.scopes[0] as Scope)
  const inputs = new Map<Node, Map<number, string>>()
  const outputs = new Map<Node, Map<number, string>>()
  const note = (all: Map<Node, Map<number, string>>, node: Node, index: number, name: string): void => {
    all.set(node, (all.get(node) ?? new Map()).set(index, name))
  }
  const [first, last]: [Node[], Node[]] = [[], []]
  const isHalf = ({ dtype }: ValueInfo): boolean => dtype === 'f16'
  const doors = new Set<string>()
  for (const [list, isInput] of [
    [model.graph.inputs, true],
    [model.graph.outputs, false],
  ] as const) {
    for (const { name } of list.filter(isHalf)) {
      const definition = main.get(name)
      // An input that is an output too goes through as it is.
      if (definition === undefined || doors.has(name)) continue
      doors.add(name)
      const inside = fresh(`${name}/f32`)
      for (const use of definition.uses) note(inputs, use.node, use.inputIndex, inside)
      if (isInput) first.push(castTo(name, inside, FLOAT))
      else if (definition.node !== null) {
        note(outputs, definition.node, definition.outputIndex, inside)
        last.push(castTo(inside, name, HALF))
      }
    }
  }
  const renamed = (names: readonly string[], by: ReadonlyMap<number, string> | undefined): readonly string[] =>
    by === undefined ? names : names.map((name, index) => by.get(index) ?? name)
  return {
    first,
    last,
    renamed: (node) => {
      const [read, given] = [inputs.get(node), outputs.get(node)]
      if (read === undefined && given === undefined) return node
      return { ...node, inputs: renamed(node.inputs, read), outputs: renamed(node.outputs, given) }
    },
    value: (info) => (doors.has(info.name) ? info : wide(info)),
  }
}

const HALF = 10

function castTo(from: string, to: string, type: number): Node {
  const attributes: Attribute[] = [{ name: 'to', kind: 'int', value: type }]
  return { name: to, op: 'Cast', domain: '', inputs: [from], outputs: [to], attributes }
}

function wide(info: ValueInfo): ValueInfo {
  if (info.dtype !== 'f16') return info
  return { name: info.name, dtype: 'f32', ...(info.shape === undefined ? {} : { shape: info.shape }) }
}

async function widenedNode(node: Node, read: ReadSmall): Promise<Node> {
  const attributes: Attribute[] = []
  for (const attribute of node.attributes) {
    const { name, kind } = attribute
    if (kind === 'tensor' && attribute.value.dtype === 'f16') {
      attributes.push({ name, kind, value: await widenedTensor(attribute.value, read) })
    } else if (TYPE_NAMES.has(name) && isStandard(node) && elementTypeOf(intAttribute(node, name, 0)) === 'f16') {
      attributes.push({ name, kind: 'int', value: FLOAT })
    } else attributes.push(attribute)
  }
  return attributes.some((one, index) => one !== node.attributes[index]) ? { ...node, attributes } : node
}

async function widenedTensor(tensor: TensorRef, read: ReadSmall): Promise<TensorRef> {
  if (tensor.dtype !== 'f16') return tensor
  const values = await readFloats(tensor, read)
  return values === null ? tensor : floatConstant(tensor.name, 'f32', tensor.shape, values)
}
