import type { Model, Node } from '../../model/graph.ts'
import { attributeOf, floatAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import type { Connections } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { readFloats } from './float-constants.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** Least and most of a value that samples showed. */
export interface ValueRange {
  readonly least: number
  readonly most: number
}

/**
 * Clip from 0 to a bound (ReLU6) becomes Relu where the bound cuts nothing: the range of what it reads ends at or below the
 * bound, or that of what it gives ends below it. Ranges go by names of values of the main graph. The function is the same on the
 * samples that the ranges are from. Clips without a range stay.
 */
export async function relaxClips(
  model: Model,
  read: ReadSmall,
  ranges: ReadonlyMap<string, ValueRange>,
): Promise<RewrittenModel> {
  const revision = new Revision(model, 'clip')
  for (const scope of revision.scopes.filter(({ path }) => path.length === 0)) {
    for (const node of scope.nodes) {
      const bounds = await clipBounds(node, scope, revision.connections, read)
      if (bounds === null || bounds.least !== 0 || !(bounds.most > 0)) continue
      const before = ranges.get(node.inputs[0] ?? '')
      const after = ranges.get(node.outputs[0] ?? '')
      const most = before?.most ?? after?.most
      if (most === undefined) continue
      if (before === undefined ? most < bounds.most : most <= bounds.most) {
        revision.replace(node, [{ ...node, op: 'Relu', inputs: node.inputs.slice(0, 1), attributes: [] }])
        revision.done(scope, node, `Clip at ${bounds.most} made Relu: samples reach ${most}`)
      } else revision.left(scope, node, `samples reach ${most}, it cuts at ${bounds.most}`)
    }
  }
  return revision.finish()
}

/** Bounds of a Clip with constant ones; infinite where there is none. Null for other nodes. */
export async function clipBounds(
  node: Node,
  scope: Scope,
  connections: Connections,
  read: ReadSmall,
): Promise<ValueRange | null> {
  if (!isStandard(node) || node.op !== 'Clip' || node.attributes.some(({ kind }) => kind === 'ref')) return null
  const least = await bound(1, 'min', Number.NEGATIVE_INFINITY)
  const most = await bound(2, 'max', Number.POSITIVE_INFINITY)
  return least === null || most === null ? null : { least, most }

  async function bound(index: number, name: string, none: number): Promise<number | null> {
    if (attributeOf(node, name) !== undefined) return floatAttribute(node, name, none)
    const input = node.inputs[index] ?? ''
    if (input === '') return none
    const definition = connections.resolve(scope, input)
    const tensor = definition === undefined ? null : constantTensor(definition)
    const values = tensor !== null && tensor.storage.byteLength <= 8 ? await readFloats(tensor, read) : null
    return values?.length === 1 ? (values[0] as number) : null
  }
}
