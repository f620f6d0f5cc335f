import type { Node, TensorRef } from '../../../model/graph.ts'
import { intAttribute, intsAttribute } from '../../attributes.ts'
import { constantTensor } from '../../constant-nodes.ts'
import type { Connections, Definition } from '../../consumers.ts'
import { isStandard, type Scope } from '../../walk.ts'

/** The constant right operand of a product, which nothing else reads. */
export interface ConstantMatrix {
  readonly definition: Definition
  readonly tensor: TensorRef
  /** Rows of the product's input, and of its output. */
  readonly depth: number
  readonly channels: number
  /** The file has a row for each output channel. */
  readonly turned: boolean
}

/** The matrix of a MatMul or Gemm with a constant on the right; the reason why there is none otherwise. */
export function matrixOf(node: Node, scope: Scope, connections: Connections): ConstantMatrix | string {
  if (!isStandard(node) || (node.op !== 'MatMul' && node.op !== 'Gemm'))
    return `${node.op} is no product with a constant`
  let turned = node.op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
  let definition = connections.resolve(scope, node.inputs[1] ?? '')
  for (let step = 0; definition?.node && step < 4; step++) {
    const { node: maker, uses, outputOf } = definition
    if (maker.op !== 'Transpose' && maker.op !== 'Identity') break
    if (!isStandard(maker) || uses.length !== 1 || outputOf.length > 0) return 'its weight is read elsewhere too'
    if (maker.op === 'Transpose') {
      const perm = intsAttribute(maker, 'perm')
      if (perm !== undefined && String(perm) !== '1,0') return 'its weight is transposed in another way'
      turned = !turned
    }
    definition = connections.resolve(definition.scope, maker.inputs[0] ?? '')
  }
  const tensor = definition ? constantTensor(definition) : null
  if (!definition || tensor === null) return 'its weight is computed'
  if (definition.scope !== scope || definition.alsoInput || definition.outputOf.length > 0)
    return 'its weight is an input, an output or of another graph'
  if (definition.uses.length !== 1) return 'its weight is read elsewhere too'
  if (tensor.shape.length !== 2 || !FLOATS.has(tensor.dtype)) return 'its weight is no matrix of floats'
  const [rows, columns] = tensor.shape as [number, number]
  return {
    ...{ definition, tensor, turned },
    ...(turned ? { depth: columns, channels: rows } : { depth: rows, channels: columns }),
  }
}

const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16', 'f64'])

/** A constant with one value a channel on the last axis; null where the value is anything else. */
export function vectorOf(
  name: string,
  width: number | null,
  scope: Scope,
  connections: Connections,
): Definition | null {
  const definition = connections.resolve(scope, name)
  const tensor = definition ? constantTensor(definition) : null
  if (!definition || tensor === null || !FLOATS.has(tensor.dtype) || definition.alsoInput) return null
  const last = tensor.shape.at(-1) ?? 1
  const count = tensor.shape.reduce((product, one) => product * one, 1)
  if (last < 2 || count !== last || (width !== null && last !== width)) return null
  return definition
}
