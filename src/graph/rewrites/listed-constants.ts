import type { Model } from '../../model/graph.ts'
import { connect } from '../consumers.ts'
import { applyEdits } from '../edit.ts'
import type { RewrittenModel } from './rewrite-note.ts'

/** From this IR version on initializers need not be inputs. */
const PLAIN_INITIALIZERS = 4
const PRODUCTS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])

/**
 * Old exporters list every constant as an input too. Where all of them are, the weights of products among them, they are constants and
 * no inputs; a single default that a caller may replace (a threshold) stays one.
 */
export function unlistConstants(model: Model): RewrittenModel {
  const nothing = { model, done: [], left: [] }
  const { graph } = model
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  if (graph.initializers.length === 0 || !graph.initializers.every(({ name }) => inputs.has(name))) return nothing
  const names = new Set(graph.initializers.map(({ name }) => name))
  const isWeight = connect(model).definitions.some(
    ({ name, alsoInput, uses }) =>
      alsoInput && names.has(name) && uses.some(({ node, inputIndex }) => inputIndex === 1 && PRODUCTS.has(node.op)),
  )
  if (!isWeight) return nothing
  const changed = applyEdits(model, [{ scope: [], removeInputs: [...names] }])
  const text = `${names.size} constants were inputs too, as old exporters write them`
  return {
    model: { ...changed, irVersion: Math.max(changed.irVersion, PLAIN_INITIALIZERS) },
    done: [{ rewrite: 'listed-constants', scope: [], node: '', text }],
    left: [],
  }
}
