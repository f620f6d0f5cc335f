import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import { constantTensor, isConstantNode, type ReadSmall } from '../constant-nodes.ts'
import { connect, type Definition, type Use } from '../consumers.ts'
import { applyEdits } from '../edit.ts'
import { freshNames } from '../fresh-names.ts'
import { makeNode } from '../lowerings/make.ts'
import { isStandard } from '../walk.ts'
import { narrowed } from './narrow-values.ts'
import type { RewriteNote, RewrittenModel } from './rewrite-note.ts'

export interface NarrowedModel extends RewrittenModel {
  /** Bytes of constants that went, less what the nodes that widen them take. */
  readonly bytesSaved: number
}

/** Less is not worth a node. */
const LEAST_SAVED = 256
/** A node and its attribute in a file, without its names; the name of the constant is written four times. */
const NODE_BYTES = 64
const NAMES = 4
/** Longer tables are left: they are read whole. */
const MOST_BYTES = 2 ** 28

/** Inputs that take i32 as well as i64. */
const EITHER: ReadonlySet<string> = new Set(['Gather:1', 'GatherElements:1', 'ScatterElements:1', 'Scatter:1'])

/**
 * Inputs that are read as numbers when the model runs. Left out are those that runtimes want to see before: shapes, axes, pads,
 * and the codes and biases of integer operators.
 */
const READS: ReadonlySet<string> = new Set([
  ...EITHER,
  ...['GatherND:1', 'ScatterND:1', 'ScatterND:0', 'ScatterND:2', 'OneHot:0', 'CumSum:0', 'Trilu:0'],
  ...['Gather:0', 'GatherElements:0', 'GatherND:0', 'Slice:0', 'Reshape:0', 'Expand:0', 'Tile:0', 'Split:0', 'Pad:0'],
  ...['Transpose:0', 'Identity:0', 'Unsqueeze:0', 'Squeeze:0', 'Flatten:0', 'Cast:0', 'Abs:0', 'Neg:0'],
  ...['Where:1', 'Where:2'],
  ...'Add Sub Mul Div Mod Equal Greater GreaterOrEqual Less LessOrEqual'
    .split(' ')
    .flatMap((op) => [`${op}:0`, `${op}:1`]),
])
const ANY_INPUT: ReadonlySet<string> = new Set(['Concat', 'Min', 'Max', 'Sum'])

/** From IR version 4 on initializers need not be inputs. */
const PLAIN_INITIALIZERS = 4

/**
 * Tables of i64 and i32 (indices of Gather and ScatterND, positions, masks) stored in the narrowest type that holds all their
 * values, behind a Cast to what their readers had: exact, and runtimes compute it once when they load. Values that need 32 bits become
 * i32 without a Cast where all readers take it. In the main graph, bodies and functions; only where more than 256 bytes
 * are saved. What the graph takes or gives stays as it is.
 */
export async function narrowIntegers(model: Model, read: ReadSmall): Promise<NarrowedModel> {
  const { definitions } = connect(model)
  const fresh = freshNames(model)
  const edits: GraphEdit[] = []
  const done: RewriteNote[] = []
  const left: RewriteNote[] = []
  let bytesSaved = 0
  for (const definition of definitions) {
    const tensor = tableOf(definition)
    if (tensor === null) continue
    const { name, scope } = definition
    const note = (list: RewriteNote[], text: string): void => {
      list.push({ rewrite: 'narrow', scope: scope.path, node: name, text })
    }
    const reader = definition.uses.find((use) => !isRead(use))
    if (reader !== undefined) {
      note(left, `${tensor.dtype} [${tensor.shape.join(', ')}]: ${reader.node.op} wants it as it is`)
      continue
    }
    if (tensor.storage.byteLength > MOST_BYTES) {
      note(left, `${tensor.storage.byteLength} bytes are too many to be looked at`)
      continue
    }
    const found = narrowed(tensor, await read(tensor), `${name}/narrow`)
    if (found === null) continue
    const direct = found.dtype === 'i32' && definition.uses.every((use) => EITHER.has(place(use)))
    const cost = direct ? 0 : NODE_BYTES + NAMES * new TextEncoder().encode(name).length
    const saved = tensor.storage.byteLength - found.storage.byteLength - cost
    if (saved <= LEAST_SAVED) continue
    edits.push(direct ? replaced(definition, { ...found, name }) : widened(definition, tensor, found, fresh))
    bytesSaved += saved
    note(done, `${tensor.dtype} [${tensor.shape.join(', ')}] stored as ${found.dtype}, ${saved} bytes less`)
  }
  if (edits.length === 0) return { model, done, left, bytesSaved }
  const changed = applyEdits(model, edits)
  const irVersion = Math.max(changed.irVersion, PLAIN_INITIALIZERS)
  return { model: { ...changed, irVersion }, done, left, bytesSaved }
}

/** A table of integers that only nodes read; null for anything else. */
function tableOf(definition: Definition): TensorRef | null {
  const tensor = constantTensor(definition)
  if (tensor === null || (tensor.dtype !== 'i64' && tensor.dtype !== 'i32')) return null
  const { byteLength, kind } = tensor.storage
  if (byteLength <= LEAST_SAVED || kind === 'opaque' || kind === 'produced') return null
  const seen = definition.alsoInput || definition.outputOf.length > 0
  return seen || definition.uses.length === 0 ? null : tensor
}

function place({ node, inputIndex }: Use): string {
  return `${node.op}:${inputIndex}`
}

function isRead(use: Use): boolean {
  return isStandard(use.node) && (READS.has(place(use)) || ANY_INPUT.has(use.node.op))
}

/** The narrow table under another name, and a Cast under the old one. */
function widened(
  { name, scope, node }: Definition,
  tensor: TensorRef,
  found: TensorRef,
  fresh: (base: string) => string,
): GraphEdit {
  const narrow = { ...found, name: fresh(found.name) }
  const cast = makeNode('Cast', [narrow.name], [name], { to: tensor.dtype === 'i64' ? 7 : 6 })
  if (node === null) {
    return { scope: scope.path, prepend: [cast], addInitializers: [narrow], removeInitializers: [name] }
  }
  if (scope.graph !== null) {
    return { scope: scope.path, replace: new Map([[node, [cast]]]), addInitializers: [narrow] }
  }
  return { scope: scope.path, replace: new Map([[node, [constantNode(node, narrow), cast]]]) }
}

/** Another table under the same name. */
function replaced({ name, scope, node }: Definition, tensor: TensorRef): GraphEdit {
  const { dtype, shape } = tensor
  const addValues = scope.graph?.values.some((value) => value.name === name) ? [{ name, dtype, shape }] : []
  if (node === null) return { scope: scope.path, addInitializers: [tensor], removeInitializers: [name], addValues }
  return { scope: scope.path, replace: new Map([[node, [constantNode(node, tensor)]]]), addValues }
}

function constantNode(like: Node, tensor: TensorRef): Node {
  if (!isConstantNode(like)) throw new RangeError('a Constant is made of a Constant')
  const { name, ...value } = tensor
  return {
    name: like.name,
    op: 'Constant',
    domain: like.domain,
    inputs: [],
    outputs: [name],
    attributes: [{ name: 'value', kind: 'tensor', value: { ...value, name: '' } }],
  }
}
