import type { Model, Node } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { isStandard, type Scope } from '../walk.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

const PRODUCTS = new Set(['Conv', 'ConvTranspose', 'Gemm'])
/** Biases are vectors; nothing longer is copied. */
const MOST_ELEMENTS = 1 << 16

/**
 * A bias that several products read (heads that share their layers, equal biases stored once) becomes one constant for each: as
 * integers they have scales of their own, and each takes back what rounding does to its own product.
 */
export async function ownBiases(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'own-biases')
  const taken = new Set<string>()
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const index = biasIndex(node, scope, revision)
      if (index === null) continue
      const definition = revision.connections.resolve(scope, node.inputs[index] ?? '')
      const tensor = definition === undefined ? null : constantTensor(definition)
      if (definition === undefined || tensor === null || definition.outputOf.length > 0) continue
      const key = `${revision.scopes.indexOf(definition.scope)} ${definition.name}`
      if (definition.uses.length < 2 || !taken.has(key)) {
        taken.add(key)
        continue
      }
      const elements = tensor.shape.reduce((total, size) => total * size, 1)
      const values = tensor.dtype === 'f32' && elements <= MOST_ELEMENTS ? await readFloats(tensor, read) : null
      if (values === null) continue
      const name = revision.fresh(definition.name)
      revision.add(scope, floatConstant(name, tensor.dtype, tensor.shape, values))
      revision.replace(node, [{ ...node, inputs: node.inputs.with(index, name) }])
      revision.done(scope, node, `a bias of its own in place of "${definition.name}"`)
    }
  }
  return revision.finish()
}

/** Which input is a bias: the third of a product, or what an Add puts behind a MatMul. */
function biasIndex(node: Node, scope: Scope, { connections }: Revision): number | null {
  if (!isStandard(node)) return null
  if (PRODUCTS.has(node.op)) return (node.inputs[2] ?? '') === '' ? null : 2
  if (node.op !== 'Add') return null
  const product = node.inputs.findIndex((name) => {
    const made = connections.resolve(scope, name)?.node
    return made !== undefined && made !== null && made.op === 'MatMul' && isStandard(made)
  })
  return product === -1 ? null : 1 - product
}
