import type { Node } from '../../model/graph.ts'
import { floatAttribute, intsAttribute, stringAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall, smallIntegers } from '../constant-nodes.ts'
import type { Connections } from '../consumers.ts'
import type { Scope } from '../walk.ts'
import { readFloats } from './float-constants.ts'

/** What a Pad does: amounts before each axis, then after each. `value` is null when it is not of a float constant. */
export interface Pads {
  readonly amounts: readonly number[]
  readonly mode: string
  readonly value: number | null
}

/** A Pad with constant amounts, in the form of any opset; null when they are computed or the rank is needed and unknown. */
export async function padsOf(
  node: Node,
  scope: Scope,
  opset: number,
  rank: number | undefined,
  connections: Connections,
  read: ReadSmall,
): Promise<Pads | null> {
  const mode = stringAttribute(node, 'mode', 'constant')
  const old = intsAttribute(node, opset < 2 ? 'paddings' : 'pads')
  if (opset < 11 || old !== undefined) {
    return old === undefined ? null : { amounts: old, mode, value: floatAttribute(node, 'value', 0) }
  }
  const given = await integers(node.inputs[1])
  if (given === null) return null
  const value = await fill(node.inputs[2] ?? '')
  if ((node.inputs[3] ?? '') === '') return { amounts: given, mode, value }
  const axes = await integers(node.inputs[3])
  if (axes === null || rank === undefined || given.length !== 2 * axes.length) return null
  const amounts = Array<number>(2 * rank).fill(0)
  for (const [index, axis] of axes.entries()) {
    const at = axis < 0 ? axis + rank : axis
    if (at < 0 || at >= rank) return null
    amounts[at] = given[index] ?? 0
    amounts[at + rank] = given[index + axes.length] ?? 0
  }
  return { amounts, mode, value }

  async function integers(name = ''): Promise<readonly number[] | null> {
    const tensor = constant(name)
    return tensor === null ? null : smallIntegers(tensor, read)
  }

  async function fill(name: string): Promise<number | null> {
    if (name === '') return 0
    const tensor = constant(name)
    const values = tensor !== null && tensor.storage.byteLength <= 8 ? await readFloats(tensor, read) : null
    return values?.length === 1 ? (values[0] as number) : null
  }

  function constant(name: string) {
    const definition = connections.resolve(scope, name)
    return definition === undefined ? null : constantTensor(definition)
  }
}
