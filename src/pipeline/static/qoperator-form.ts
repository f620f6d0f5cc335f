import { takeInventory } from '../../graph/index.ts'
import { type LeftAsPairs, toQOperators } from '../../graph/lowerings/index.ts'
import { scopesOf } from '../../graph/walk.ts'
import type { Model } from '../../model/graph.ts'
import type { Phases } from '../phases.ts'
import { readSmall } from '../tensor-bytes.ts'
import type { StaticStage } from './static-model.ts'

/** So many names of nodes are said of one reason. */
const NAMED = 3

/** The stage with operators on codes instead of pairs where they exist (`--lowering onnx/qoperator`), and what kept its pairs in its notes. */
export async function inQOperators(stage: StaticStage, phases: Phases): Promise<StaticStage> {
  const { model, left } = await phases.time('operators', () => toQOperators(stage.prepared.model, readSmall))
  const paired = decodedIn(model)
  return {
    ...stage,
    prepared: { ...stage.prepared, model, inventory: await takeInventory(model, readSmall) },
    decisions: stage.decisions.map((one) =>
      one.lowering === 'onnx/qdq' && !paired.has(one.tensor) ? { ...one, lowering: 'onnx/qoperator' } : one,
    ),
    notes: [...stage.notes, ...leftNotes(left), ...bodyNotes(model)],
  }
}

/** Values that are expanded to floats, weights under their own names. */
function decodedIn(model: Model): ReadonlySet<string> {
  const decoding = scopesOf(model).flatMap(({ nodes }) => nodes.filter(({ op }) => op === 'DequantizeLinear'))
  return new Set(decoding.flatMap(({ outputs }) => outputs))
}

function leftNotes(left: readonly LeftAsPairs[]): string[] {
  const groups = new Map<string, string[]>()
  for (const { op, why, label } of left) {
    const key = `${op} between pairs, not on codes: ${why}`
    groups.set(key, [...(groups.get(key) ?? []), label])
  }
  return [...groups].map(([text, labels]) => {
    const more = labels.length > NAMED ? ', ...' : ''
    return `${labels.length} x ${text} (${labels.slice(0, NAMED).join(', ')}${more})`
  })
}

function bodyNotes(model: Model): string[] {
  const [, ...bodies] = scopesOf(model)
  const count = bodies.flatMap(({ nodes }) => nodes.filter(({ op }) => op === 'QuantizeLinear')).length
  return count === 0 ? [] : [`${count} x QuantizeLinear in bodies of If and Loop: pairs there stay pairs`]
}
