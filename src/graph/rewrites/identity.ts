import type { Model, Node } from '../../model/graph.ts'
import { intAttribute, intsAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import type { KnownShape } from './infer-shape.ts'
import { elementTypeOf, KnownValues } from './known-values.ts'
import { padsOf } from './pad-amounts.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** What a node is asked with. */
interface Site {
  readonly node: Node
  readonly scope: Scope
  readonly opset: number
  readonly known: KnownValues
  readonly revision: Revision
  readonly read: ReadSmall
}

/** Operators that give out their input when they have only one. */
const OF_ONE = new Set(['Concat', 'Max', 'Mean', 'Min', 'Sum'])

/**
 * Nodes that give out what they are given go, and their readers read the value before: Identity, Dropout of inference, Cast to
 * the type a value has, Reshape, Flatten and Expand to its shape, Transpose in order, Pad by nothing, Concat of one.
 * Outputs of graphs keep their names: there the node before writes that name, and where that is not possible the node stays.
 */
export async function removeIdentities(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'identity')
  const known = await KnownValues.of(model, revision.connections, read)
  const opset = opsetOf(model) ?? 0
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const does = await doesNothing({ node, scope, opset, known, revision, read })
      if (does && remove(node, scope, revision)) revision.done(scope, node, `${node.op} that does nothing removed`)
    }
  }
  return revision.finish()
}

async function doesNothing(site: Site): Promise<boolean> {
  const { node, scope, opset, known, read } = site
  if (!isStandard(node) || (node.inputs[0] ?? '') === '' || (node.outputs[0] ?? '') === '') return false
  if (node.attributes.some(({ kind }) => kind === 'ref')) return false
  if (OF_ONE.has(node.op)) return node.inputs.length === 1
  const shape = known.shape(scope, node.inputs[0] ?? '')
  const rank = shape?.length
  switch (node.op) {
    case 'Identity':
      return true
    case 'Dropout':
      return isInference(site)
    case 'Cast': {
      const type = known.dtype(scope, node.inputs[0] ?? '')
      return type !== undefined && type === elementTypeOf(intAttribute(node, 'to', 0))
    }
    case 'Transpose': {
      const order = intsAttribute(node, 'perm')
      return order === undefined ? rank !== undefined && rank < 2 : order.every((axis, index) => axis === index)
    }
    case 'Reshape': {
      const wanted = intsAttribute(node, 'shape') ?? known.integers(scope, node.inputs[1] ?? '')
      return shape !== undefined && keepsShape(shape, wanted, intAttribute(node, 'allowzero', 0) !== 0)
    }
    case 'Flatten':
      return rank === 2 && [1, -1].includes(intAttribute(node, 'axis', 1))
    case 'Expand': {
      const wanted = known.integers(scope, node.inputs[1] ?? '')
      const ones = wanted?.every((size, index) => size === 1 || size === shape?.at(index - wanted.length))
      return ones === true && rank !== undefined && (wanted?.length ?? 0) <= rank
    }
    case 'Pad': {
      const pads = await padsOf(node, scope, opset, rank, site.revision.connections, read)
      return pads?.amounts.every((amount) => amount === 0) === true
    }
    default:
      return false
  }
}

/** The ratio has no meaning in inference; the mask is a thing of its own. */
function isInference({ node, scope, opset, known, revision }: Site): boolean {
  const mask = revision.connections.own(scope).get(node.outputs[1] ?? '')
  if (mask !== undefined && mask.uses.length + mask.outputOf.length > 0) return false
  if (opset < 7) return intAttribute(node, 'is_test', 0) !== 0
  const trains = node.inputs[2] ?? ''
  if (trains === '') return true
  const definition = revision.connections.resolve(scope, trains)
  const tensor = definition === undefined ? null : constantTensor(definition)
  return known.dtype(scope, trains) === 'bool' && tensor?.storage.kind === 'bytes' && tensor.storage.bytes[0] === 0
}

function keepsShape(shape: KnownShape, wanted: readonly number[] | undefined, zeroIsZero: boolean): boolean {
  if (wanted?.length !== shape.length) return false
  // One size may be left to be computed: all others being kept, so is that one, unless one of them is 0.
  const open = wanted.flatMap((size, axis) => (size === -1 ? [axis] : []))
  if (open.length > 1 || (open.length === 1 && shape.some((size, axis) => size === 0 && axis !== open[0]))) return false
  return wanted.every((size, axis) => {
    if (size === -1 || (size === 0 && !zeroIsZero)) return true
    return size === shape[axis]
  })
}

function remove(node: Node, scope: Scope, revision: Revision): boolean {
  const { connections } = revision
  const own = connections.own(scope)
  const output = own.get(node.outputs[0] ?? '')
  const source = connections.resolve(scope, node.inputs[0] ?? '')
  if (output === undefined || source === undefined || output.node !== node || revision.isTouched(node)) return false
  if (output.outputOf.length === 0) {
    // A name that is itself about to change is followed in the next round, when it is known how.
    if (revision.isReadInstead(source) || !isSeenBy(output, source, revision)) return false
    revision.readInstead(output, source.name)
    revision.replace(node, [])
    return true
  }
  return writeAtSource(node, output, source, revision)
}

/** Bodies may define the name again; there the value would not be found. */
function isSeenBy(value: Definition, source: Definition, { connections }: Revision): boolean {
  return value.uses.every(({ scope }) => connections.resolve(scope, source.name) === source)
}

/** The node that computes the value writes it under the name of the graph's output. */
function writeAtSource(node: Node, output: Definition, source: Definition, revision: Revision): boolean {
  const { connections } = revision
  const maker = source.node
  if (maker === null || source.scope !== output.scope || source.outputOf.length > 0) return false
  if (revision.isTouched(maker) || revision.isReadInstead(source) || !isSeenBy(source, output, revision)) return false
  // What the maker reads, or a body in it, must not be the new name.
  if (connections.own(output.scope).get(output.name) !== output) return false
  revision.replace(maker, [{ ...maker, outputs: maker.outputs.with(source.outputIndex, output.name) }])
  revision.readInstead(source, output.name)
  revision.replace(node, [])
  return true
}
