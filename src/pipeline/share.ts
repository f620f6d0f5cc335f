import { applyEdits, constantsOf, findShared, mergeEqual } from '../graph/index.ts'
import type { Model, Node } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import type { SharedGroup, WeightFacts } from '../model/inventory.ts'
import { readRange, readSmall } from './tensor-bytes.ts'
import { tensorKey } from './tensor-key.ts'

/** A Transpose node and its name cost about this; smaller matrices are left alone. */
const LEAST_TRANSPOSED_BYTES = 1024

/**
 * Stores equal constants once: equal elements are merged, a matrix that is another's exact transpose becomes a Transpose
 * node of it (runtimes fold it when a session is made), so that both get one decision.
 */
export async function share(model: Model): Promise<{ model: Model; notes: readonly string[] }> {
  const weights = await constantsOf(model, readSmall)
  const groups = await findShared(weights, readRange)
  if (groups.length === 0) return { model, notes: [] }
  const facts = new Map(weights.map((weight) => [tensorKey(weight.scope, weight.name), weight]))
  const edits = groups.flatMap((group) => transposeEdits(group, facts))
  const merged = mergeEqual(edits.length > 0 ? applyEdits(model, edits) : model, groups)
  const notes: string[] = []
  const equal = groups.filter((group) => group.names.filter((one) => !one.transposed).length > 1)
  if (equal.length > 0 && merged !== model) notes.push(`${equal.length} groups of equal constants are stored once`)
  for (const edit of edits) {
    const node = edit.prepend?.[0]
    if (node) notes.push(`"${node.outputs[0]}" is the transpose of "${node.inputs[0]}" and is stored once`)
  }
  return { model: merged, notes }
}

function transposeEdits(group: SharedGroup, facts: ReadonlyMap<string, WeightFacts>): GraphEdit[] {
  const members = group.names.flatMap((one) => {
    const weight = facts.get(tensorKey(one.scope, one.name))
    return weight ? [{ weight, transposed: one.transposed }] : []
  })
  const kept = members.find(({ weight, transposed }) => !transposed && isPlain(weight))?.weight
  if (!kept) return []
  const edits: GraphEdit[] = []
  for (const { weight, transposed } of members) {
    if (!transposed || !isPlain(weight) || weight.byteLength < LEAST_TRANSPOSED_BYTES || weight.uses.length === 0)
      continue
    if (kept.scope.join('/') !== weight.scope.join('/')) continue
    const node: Node = {
      name: '',
      op: 'Transpose',
      domain: '',
      inputs: [kept.name],
      outputs: [weight.name],
      attributes: [{ name: 'perm', kind: 'ints', value: [1, 0] }],
    }
    edits.push({ scope: weight.scope, prepend: [node], removeInitializers: [weight.name] })
  }
  return edits
}

function isPlain(weight: WeightFacts): boolean {
  return weight.spelling === 'initializer' && !weight.pinned && weight.scope[0] !== 'function'
}
