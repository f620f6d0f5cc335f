import { roleOf } from '../../calibration/input-role.ts'
import { outputShapeOf } from '../../evaluation/index.ts'
import type { Model } from '../../model/graph.ts'
import type { FitInput } from '../fitting/fitted.ts'
import { vocabularyOf } from '../token-tables.ts'
import type { DistillerGraph, OutputLoss, Survey } from './distiller.ts'

/**
 * How each output is compared: scores of tokens or classes by divergence, and then nothing else; values by distance, those of
 * tokens also as pooling would see them.
 */
export function lossesOf({ outputs }: Survey, { model, inventory }: FitInput): readonly OutputLoss[] {
  const vocabulary = vocabularyOf(inventory, model.graph)
  const declared = new Map(model.graph.outputs.flatMap(({ name, shape }) => (shape ? [[name, shape] as const] : [])))
  const hints = { declared, ...(vocabulary === undefined ? {} : { vocabulary }) }
  const losses = outputs
    .filter(({ floats }) => floats.length > 0)
    .map(({ name, shape, floats }): OutputLoss => {
      const data = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
      const { kind, probabilities } = outputShapeOf(name, { dtype: 'f32', shape, data }, hints)
      if ((kind === 'logits' || kind === 'classes') && !probabilities) return { name, kind: 'scores' }
      return { name, kind: vocabulary !== undefined && shape.length === 3 ? 'pooled' : 'values' }
    })
  const scores = losses.filter(({ kind }) => kind === 'scores')
  return scores.length > 0 ? scores : losses
}

/** The input that says which tokens count. */
export function maskOf({ graph }: Model): Pick<DistillerGraph, 'mask'> {
  const constants = new Set(graph.initializers.map(({ name }) => name))
  const mask = graph.inputs.find(
    ({ name, dtype, shape }) =>
      !constants.has(name) && dtype !== undefined && roleOf({ name, dtype, shape: shape ?? [] }) === 'mask',
  )
  return mask ? { mask: mask.name } : {}
}
