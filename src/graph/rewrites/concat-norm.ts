import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import { type Affine, affineOf } from './channel-affine.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { KnownValues } from './known-values.ts'
import { biasOf, productOf } from './products.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Channels that have to come from products which can take the norm, as a share of all. */
const WORTH = 0.5

/**
 * A norm of inference behind a Concat of channels becomes one norm for each part, with its share of the constants, so that the
 * products in front of the Concat can take them: nets of DenseNet's and Inception's kind have such norms. Only where nobody else
 * reads the Concat and half of the channels come from products that nobody else reads. Norms spelled out as sums and
 * products with constants per channel count as well. Exact: constants are cut, not computed.
 */
export async function splitConcatNorms(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'concat-norm')
  const opset = opsetOf(model) ?? 0
  if (opset < 7) return revision.finish()
  const known = await KnownValues.of(model, revision.connections, read)
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      if (!isStandard(node)) continue
      const affine = await affineOf(node, scope, opset, revision.connections, read)
      if (affine === null || typeof affine === 'string') continue
      const parts = partsBefore(affine, revision, known)
      if (parts !== null) await split(affine, parts, revision, read)
    }
  }
  return revision.finish()
}

interface Parts {
  readonly concat: Node
  readonly rank: number
  /** Channels of each input of the Concat. */
  readonly counts: readonly number[]
}

function partsBefore({ data, scope }: Affine, revision: Revision, known: KnownValues): Parts | null {
  const value = revision.connections.own(scope).get(data)
  const concat = value?.node
  if (value === undefined || concat?.op !== 'Concat' || !isStandard(concat) || revision.isTouched(concat)) return null
  if (value.uses.length !== 1 || value.outputOf.length > 0 || value.uses[0]?.scope !== scope) return null
  const shapes = concat.inputs.map((name) => known.shape(scope, name))
  const rank = shapes[0]?.length ?? 0
  const axis = intAttribute(concat, 'axis', 1)
  if (rank < 2 || (axis < 0 ? axis + rank : axis) !== 1) return null
  const counts = shapes.map((shape) => (shape?.length === rank ? shape[1] : null))
  if (!counts.every((count): count is number => typeof count === 'number')) return null
  const total = counts.reduce((sum, count) => sum + count, 0)
  const ready = counts.reduce((sum, count, at) => {
    return sum + (takesNorms(concat.inputs[at] ?? '', scope, revision) ? count : 0)
  }, 0)
  return ready >= total * WORTH && concat.inputs.length > 1 ? { concat, rank, counts } : null
}

/** Whether the value is given by a product that may be changed, to the Concat alone. */
function takesNorms(name: string, scope: Scope, { connections }: Revision): boolean {
  const value = connections.own(scope).get(name)
  if (!value?.node || value.outputIndex !== 0 || value.uses.length !== 1 || value.outputOf.length > 0) return false
  const product = productOf(value.node, scope, connections)
  if (product === null || product.op === 'MatMul' || biasOf(product, connections).kind === 'computed') return false
  return product.weight.uses.length === 1 && product.weight.outputOf.length === 0
}

async function split(affine: Affine, { concat, rank, counts }: Parts, revision: Revision, read: ReadSmall) {
  const { node, scope, data } = affine
  const total = counts.reduce((sum, count) => sum + count, 0)
  const constants = new Map<number, Cut>()
  for (const [index, name] of node.inputs.entries()) {
    if (name === data || name === '') continue
    const definition = revision.connections.resolve(scope, name)
    const tensor = definition === undefined ? null : constantTensor(definition)
    const cut = tensor === null ? null : await cutOf(tensor, affine.alongChannels ? 0 : 1, total, rank, read)
    if (cut === null) return
    constants.set(index, cut)
  }
  const nodes: Node[] = []
  const given: string[] = []
  let from = 0
  for (const [part, count] of counts.entries()) {
    const inputs = node.inputs.map((name, index) => {
      const cut = constants.get(index)
      if (cut === undefined) return name === data ? (concat.inputs[part] ?? '') : name
      if (cut.values === null) return name
      const own = revision.fresh(name)
      const shape = cut.tensor.shape.map((size) => (size === total && total > 1 ? count : size))
      revision.add(scope, floatConstant(own, cut.tensor.dtype, shape, cut.values.slice(from, from + count)))
      return own
    })
    const output = revision.fresh(`${node.outputs[0]}/part`)
    given.push(output)
    nodes.push({ ...node, name: node.name === '' ? '' : `${node.name}/part${part}`, inputs, outputs: [output] })
    from += count
  }
  const behind = node.outputs[0] ?? ''
  revision.replace(concat, [])
  revision.replace(node, [...nodes, { ...concat, inputs: given, outputs: [behind] }])
  revision.done(scope, node, `${node.op} behind Concat split into ${counts.length} parts`)
}

/** A constant with its values per channel; null values: one for all channels. */
interface Cut {
  readonly tensor: TensorRef
  readonly values: Float64Array | null
}

/** Null where it varies along other axes. `axis` counts from the front of a vector (0), else of the value. */
async function cutOf(
  tensor: TensorRef,
  axis: 0 | 1,
  total: number,
  rank: number,
  read: ReadSmall,
): Promise<Cut | null> {
  const { shape } = tensor
  const elements = shape.reduce((product, size) => product * size, 1)
  if (elements === 1 && axis === 1 && shape.length <= rank) return { tensor, values: null }
  const at = axis === 0 ? 0 : shape.length - rank + 1
  if (shape.length > rank || at < 0 || shape[at] !== total || elements !== total) return null
  const values = await readFloats(tensor, read)
  return values === null ? null : { tensor, values }
}
