import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { floatAttribute, intAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { isStandard, type Scope } from '../walk.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** The opset in which Gemm began to broadcast what it adds. */
const BROADCASTS = 7

/**
 * Gemm in the spelling that integer kernels take: `alpha` and `beta` multiplied into constant weights and biases, one number added written
 * out for every channel, and what is added by no constant per channel apart in an Add. float32 alone; products are rounded once.
 */
export async function plainGemms(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'gemm')
  const opset = model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0
  if (opset < BROADCASTS) return revision.finish()
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      if (!isStandard(node) || node.op !== 'Gemm' || node.attributes.some(({ kind }) => kind === 'ref')) continue
      const plain = await plainGemm(node, scope, revision, read)
      if (plain === null) continue
      revision.replace(node, plain.nodes)
      revision.done(scope, node, plain.text)
    }
  }
  return revision.finish()
}

async function plainGemm(
  node: Node,
  scope: Scope,
  revision: Revision,
  read: ReadSmall,
): Promise<{ readonly nodes: readonly Node[]; readonly text: string } | null> {
  const [input = '', matrix = '', added = ''] = node.inputs
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
  const constant = (name: string): TensorRef | null => {
    const definition = revision.connections.resolve(scope, name)
    return definition === undefined || definition.alsoInput ? null : constantTensor(definition)
  }
  const weight = constant(matrix)
  if (weight?.dtype !== 'f32' || weight.shape.length !== 2) return null
  const channels = weight.shape[intAttribute(node, 'transB', 0) === 0 ? 1 : 0] ?? 0
  const bias = added === '' || beta === 0 ? null : constant(added)
  const isNone = added === '' || beta === 0
  const isOne = bias?.dtype === 'f32' && bias.shape.every((size) => size === 1) && channels > 1
  const isPerChannel = bias !== null && bias.shape.at(-1) === channels && bias.shape.slice(0, -1).every((n) => n === 1)
  const apart = !isNone && !isOne && !isPerChannel
  const scalesBias = !isNone && beta !== 1
  if (alpha === 1 && (isNone ? added === '' : !scalesBias && !isOne && !apart)) return null
  // A factor of something computed has nowhere to go.
  if (scalesBias && bias?.dtype !== 'f32') return null

  const scaled = async (tensor: TensorRef, factor: number, shape: readonly number[]): Promise<string | null> => {
    const values = await readFloats(tensor, read)
    if (values === null) return null
    const name = revision.fresh(tensor.name)
    const count = shape.reduce((product, size) => product * size, 1)
    const all = values.length === count ? values : new Float64Array(count).fill(values[0] ?? 0)
    revision.add(
      scope,
      floatConstant(
        name,
        'f32',
        shape,
        all.map((value) => value * factor),
      ),
    )
    return name
  }
  const newMatrix = alpha === 1 ? matrix : await scaled(weight, alpha, weight.shape)
  const changesBias = bias !== null && (scalesBias || isOne)
  const newAdded = isNone ? '' : changesBias ? await scaled(bias, beta, isOne ? [channels] : bias.shape) : added
  if (newMatrix === null || newAdded === null) return null
  const attributes = node.attributes.filter(({ name }) => name !== 'alpha' && name !== 'beta')
  const inputs = [input, newMatrix, ...(newAdded === '' || apart ? [] : [newAdded])]
  if (!apart) return { nodes: [{ ...node, inputs, attributes }], text: 'factors and bias of Gemm written plainly' }
  const output = node.outputs[0] ?? ''
  const product = revision.fresh(`${output}/product`)
  const sum = { name: output, op: 'Add', domain: '', inputs: [product, newAdded], outputs: [output], attributes: [] }
  return { nodes: [{ ...node, inputs, attributes, outputs: [product] }, sum], text: 'what Gemm adds written apart' }
}
