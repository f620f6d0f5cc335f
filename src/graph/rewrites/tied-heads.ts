import type { Model, TensorRef } from '../../model/graph.ts'
import { intsAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Definition, Use } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import { isReadableFloat } from './float-constants.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Shorter ones are computed as any constant is. */
const LEAST_BYTES = 1 << 14

/**
 * A table of embeddings that products read turned round gets a copy of its own for them: both become codes of 8 bits later, the
 * table by row, the copy by column. Left tied, the table would have to stay float, and what the products read would be quantized as
 * an activation, by one scale. float32 in two dimensions, read by nothing but Gather and such a
 * Transpose, at most 128 MiB.
 */
export async function untieHeads(model: Model, read: ReadSmall): Promise<RewrittenModel> {
  const revision = new Revision(model, 'constants')
  const { connections } = revision
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      if (!isStandard(node) || node.op !== 'Transpose') continue
      const output = connections.own(scope).get(node.outputs[0] ?? '')
      const table = connections.resolve(scope, node.inputs[0] ?? '')
      if (output?.node !== node || table === undefined || !isProductWeight(output)) continue
      const tensor = tableTensor(table)
      const [rows = 0, columns = 0] = tensor?.shape ?? []
      if (tensor === null || String(intsAttribute(node, 'perm') ?? '1,0') !== '1,0') continue
      const { storage } = tensor
      const bytes = turned(storage.kind === 'bytes' ? storage.bytes : await read(tensor), rows, columns)
      revision.replace(node, [])
      const { byteLength } = bytes
      revision.add(scope, {
        ...{ name: output.name, dtype: 'f32', shape: [columns, rows] },
        storage: { kind: 'bytes', bytes, byteLength },
      })
      revision.done(scope, node, 'Transpose of constants computed')
    }
  }
  return revision.finish()
}

/** Becomes codes of a product wherever it is read. */
function isProductWeight({ uses, outputOf }: Definition): boolean {
  const isWeight = ({ node, inputIndex }: Use) =>
    isStandard(node) && (node.op === 'MatMul' || node.op === 'Gemm') && inputIndex === 1
  return outputOf.length === 0 && uses.length > 0 && uses.every(isWeight)
}

/** What is gathered from, too; null for other values. */
function tableTensor(definition: Definition): TensorRef | null {
  const { alsoInput, outputOf, uses } = definition
  const tensor = constantTensor(definition)
  if (tensor?.dtype !== 'f32' || tensor.shape.length !== 2 || alsoInput || outputOf.length > 0) return null
  if (tensor.storage.byteLength <= LEAST_BYTES || !isReadableFloat(tensor)) return null
  const gathers = uses.filter(({ node, inputIndex }) => isStandard(node) && node.op === 'Gather' && inputIndex === 0)
  const turns = uses.filter(({ node }) => isStandard(node) && node.op === 'Transpose')
  return gathers.length > 0 && gathers.length + turns.length === uses.length ? tensor : null
}

/** Elements of four bytes, as they are. */
function turned(from: Uint8Array, rows: number, columns: number): Uint8Array {
  const words = new Uint32Array(from.slice().buffer)
  const to = new Uint32Array(words.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[column * rows + row] = words[row * columns + column] as number
  }
  return new Uint8Array(to.buffer)
}
