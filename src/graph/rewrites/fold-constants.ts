import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import { asTensor, type ConstantValue, countOf, readConstant } from './constant-values.ts'
import { evaluate, isEvaluated } from './evaluate.ts'
import { KnownValues } from './known-values.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Results longer than this are computed only where their operand goes in exchange. */
const SMALL_ELEMENTS = 1 << 12

/** Longer constants are not moved at all. */
const MOST_ELEMENTS = 1 << 24

/** All that one round keeps in memory. */
const MOST_IN_ALL = 1 << 26

/**
 * Nodes that read nothing but constants are computed once: arithmetic with exact results, Cast, Reshape, Transpose, Concat and
 * their kin, and the Shape of values whose sizes the model's inputs settle. Results are as runtimes give them, bit for bit. A result
 * of more than 4096 elements must take the place of an operand that nothing else reads, so that the file does not grow.
 */
export async function foldConstants(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'constants')
  const { connections } = revision
  // Before opset 7 operands did not broadcast as they do now.
  if ((opsetOf(model) ?? 0) < 7) return revision.finish()
  const known = await KnownValues.of(model, connections, read)
  const computed = new Map<Definition, ConstantValue>()
  let held = 0
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const output = connections.own(scope).get(node.outputs[0] ?? '')
      if (!isStandard(node) || output?.node !== node || output.outputOf.length > 0 || node.outputs.length > 1) continue
      const value = await resultOf(node, scope)
      if (value === null || held + value.data.length > MOST_IN_ALL) continue
      held += value.data.length
      computed.set(output, value)
    }
  }
  for (const [output, value] of computed) {
    const node = output.node as Node
    revision.replace(node, [])
    revision.done(output.scope, node, `${node.op} of constants computed`)
    // What only feeds other computed nodes is never written.
    if (output.uses.every(({ node: reader, scope }) => isComputed(reader, scope))) continue
    revision.add(output.scope, asTensor(output.name, value))
  }
  return revision.finish()

  function isComputed(node: Node, scope: Scope): boolean {
    const output = connections.own(scope).get(node.outputs[0] ?? '')
    return output?.node === node && computed.has(output)
  }

  async function resultOf(node: Node, scope: Scope): Promise<ConstantValue | null> {
    if (node.op === 'Shape') return shapeValue(node, scope)
    if (!isEvaluated(node.op) || node.inputs.length === 0 || node.inputs.includes('')) return null
    const sources = node.inputs.map((name) => connections.resolve(scope, name))
    const sizes = sources.map(sizeOf)
    const largest = Math.max(...sizes)
    if (!(largest <= MOST_ELEMENTS)) return null
    // Long operands must belong to this node alone.
    const shared = sources.some(
      (source, index) => (sizes[index] as number) > SMALL_ELEMENTS && source?.uses.length !== 1,
    )
    if (shared && node.op !== 'Gather' && node.op !== 'Slice') return null
    const inputs: ConstantValue[] = []
    for (const source of sources) {
      const value = source === undefined ? null : (computed.get(source) ?? (await constant(source)))
      if (value === null) return null
      inputs.push(value)
    }
    const result = evaluate(node, inputs, shared ? SMALL_ELEMENTS : Math.max(SMALL_ELEMENTS, largest))
    // Weights that are stored in fewer bits stay so.
    const widens = inputs.some(({ dtype }) => dtype === 'f16') && result?.dtype !== 'f16'
    return result !== null && widens && result.data.length > SMALL_ELEMENTS ? null : result
  }

  function sizeOf(source: Definition | undefined): number {
    const value = source && computed.get(source)
    if (value !== undefined) return value.data.length
    const tensor = source === undefined ? null : constantTensor(source)
    return tensor === null ? Number.POSITIVE_INFINITY : countOf(tensor.shape)
  }

  async function constant(source: Definition): Promise<ConstantValue | null> {
    const tensor: TensorRef | null = constantTensor(source)
    return tensor === null ? null : readConstant(tensor, read, MOST_ELEMENTS)
  }

  function shapeValue(node: Node, scope: Scope): ConstantValue | null {
    const shape = known.shape(scope, node.inputs[0] ?? '')
    if (shape === undefined || node.attributes.length > 0) return null
    const sizes = shape.filter((size): size is number => size !== null)
    if (sizes.length !== shape.length) return null
    return { dtype: 'i64', shape: [sizes.length], data: BigInt64Array.from(sizes, BigInt) }
  }
}
