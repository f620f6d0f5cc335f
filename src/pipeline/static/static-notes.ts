import type { RewriteNote } from '../../graph/rewrites/rewrite-note.ts'
import type { FloatCode, FloatNode } from '../../model/activation.ts'

const REWRITES: ReadonlyMap<string, string> = new Map([
  ['batch-norm', 'normalisations folded into the product beside them'],
  ['concat-norm', 'normalisations behind a Concat folded into what it joins'],
  ['identity', 'nodes that do nothing removed'],
  ['constants', 'nodes that read only constants computed'],
  ['pads', 'pads folded into the product behind them'],
  ['half', 'constants of half precision widened: computed in float32, inputs and outputs keep their types'],
  ['bounds', 'Max, Min and Clip merged to bounds that codes absorb'],
  ['gemm', 'Gemm written without factors, what it adds a channel at a time or apart'],
  ['transposes', 'transposes that cancel removed'],
  ['inline', 'calls of functions written out'],
  ['listed-constants', 'list of constants that were inputs too is taken as constants'],
])

const FLOAT: Readonly<Record<FloatCode, string>> = {
  'no-kernel': 'without a kernel for codes',
  mixed: 'that also read floats',
  norm: 'of normalisations',
  attention: 'of attention scores',
  head: 'behind the last product',
  recurrent: 'recurrent, their weights stored as codes',
  transposed: 'ConvTranspose, their weights stored as codes',
  'not-constant': 'whose weight or bias is computed while the model runs',
  'not-float32': 'of other types than float32',
  attributes: 'whose attributes no integer kernel takes',
  body: 'in bodies',
  'front-end': 'of a spectrum at the front',
  expectation: 'of an expectation over probabilities',
  measured: 'kept for precision or by a rule',
}
/** Operators of one reason that are named. */
const NAMED = 3

/** What was done to the graph before ranges were looked at, counted. */
export function rewriteNotes(done: readonly RewriteNote[]): string[] {
  return [...countsOf(done.map(({ rewrite }) => rewrite))].map(
    ([what, count]) => `before ranges were looked at: ${count} ${REWRITES.get(what) ?? `x ${what}`}`,
  )
}

/** What stays float, by reason, with the operators that are most of it; empty where everything runs in integers. */
export function floatNotes(float: readonly FloatNode[]): string[] {
  if (float.length === 0) return []
  const codes = [...countsOf(float.map(({ code }) => code))].sort(([, a], [, b]) => b - a)
  const reasons = codes.map(([code, count]) => {
    const ops = countsOf(float.filter((one) => one.code === code).map(({ node }) => node.op))
    const most = [...ops].sort(([, a], [, b]) => b - a).map(([op]) => op)
    const named = most.length > NAMED ? [...most.slice(0, NAMED), '...'] : most
    return `${count} ${FLOAT[code]} (${named.join(', ')})`
  })
  return [`nodes that stay float: ${reasons.join('; ')}`]
}

export function countsOf<T>(things: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const thing of things) counts.set(thing, (counts.get(thing) ?? 0) + 1)
  return counts
}
