import { floatsOf } from '../../calibration/convert.ts'
import { GramSums } from '../../calibration/gram-sums.ts'
import { spreadPositions, unfoldedShape } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { connect, takeInventory } from '../../graph/index.ts'
import {
  applyFolds,
  findFold,
  type InputFold,
  type ScaledFold,
  tiedMeans,
} from '../../graph/rewrites/input-scales/index.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { type ChosenFactors, chooseFactorsSteps } from '../../solvers/activation-aware/index.ts'
import type { GramRows } from '../../solvers/gram/rows.ts'
import type { Ask } from '../ask.ts'
import { breather, paced } from '../breath.ts'
import { type FitGroup, fitGroups } from '../fitting/fit-groups.ts'
import { rowsOf } from '../fitting/layer-rows.ts'
import { PrefixLine } from '../fitting/prefix-line.ts'
import { segmentsOf } from '../fitting/segments.ts'
import { measure } from '../measure.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { plan } from '../plan.ts'
import type { Prepared } from '../run.ts'
import { Table } from '../table.ts'
import { readRange, readSmall } from '../tensor-bytes.ts'
import { tensorKey } from '../tensor-key.ts'
import { sameFunction } from './same-function.ts'

export interface AwareOptions {
  /** What finds codes behind it. */
  readonly solver: 'nearest' | 'search' | 'gptq'
  /** Bytes that values between layers may take. */
  readonly mostBytes?: number
}

/** Rows of one look, at least, and for each element of a row. */
const LEAST_ROWS = 4096
const ROWS_PER_ELEMENT = 4
/** Longest rows whose moments are held. */
const MOST_DEPTH = 8192

interface Chosen extends ScaledFold {
  readonly group: FitGroup
  readonly chosen: ChosenFactors
}

/**
 * Activation-aware scaling (AWQ) of a float model, in front of everything else: channels of products whose inputs are large get finer steps. Inputs are looked at
 * in one run of the float model, products that share an input are decided together by the error of their outputs with the schemes
 * of the plan, and factors go into constants on both sides, so that no node is added. The changed model is run beside the given one; folds that
 * change what it computes are undone.
 */
export async function activationAware(
  prepared: Prepared,
  ask: Ask,
  samples: readonly Sample[],
  sessions: ModelSessions,
  { solver, mostBytes = 512 * 2 ** 20 }: AwareOptions,
  tools: Tools,
): Promise<Prepared> {
  const { model, inventory } = prepared
  const table = await measure(inventory, ask, tools)
  const { work } = plan(inventory, table, ask)
  const { groups } = fitGroups(model, work, [])
  const remarks = new Map<string, string>()
  const remark = (group: FitGroup, text: string): void => {
    for (const { work: one } of group.layers) remarks.set(tensorKey(one.weight.scope, one.weight.name), text)
  }
  const connections = connect(model)
  const found: { readonly group: FitGroup; readonly fold: InputFold }[] = []
  for (const group of groups) {
    const why = unsuitable(group)
    const fold = why ?? (await findFold(group.operand, connections, readSmall))
    if (typeof fold === 'string') remark(group, `no activation-aware scaling: ${fold}`)
    else found.push({ group, fold })
  }
  const line = new PrefixLine(
    'float',
    model,
    segmentsOf(
      model,
      found.map(({ fold }) => fold.value),
    ),
    samples,
    sessions,
    tools,
    mostBytes,
  )
  let chosen: Chosen[] = []
  const breathe = breather()
  for (const [index, { group, fold }] of found.entries()) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'transform', done: index, total: found.length, note: fold.value })
    await line.advance(new Map())
    const seen = await lookAt(group, fold, line, tools)
    line.forget()
    if (seen === null) {
      remark(group, 'no activation-aware scaling: its input is zero, not finite or of another shape on the data')
      continue
    }
    const layers: GramRows[] = []
    for (const layer of group.layers) {
      layers.push(await rowsOf(layer, tools))
      await breathe()
      tools.signal?.throwIfAborted()
    }
    const best = await paced(chooseFactorsSteps({ layers, ...seen, solver }, tools.kernels), tools)
    if (best === null) remark(group, 'no activation-aware scaling: no exponent lowers the error of its outputs')
    else chosen.push({ group, fold, chosen: best, factors: best.factors })
  }
  if (chosen.length === 0) return { ...prepared, remarks }

  let changed = applyFolds(model, chosen, readRange)
  if (!(await sameFunction(model, changed, samples, sessions, tools))) {
    // Repeated heads may lie in turns: no shape says so.
    chosen = await inTurns(chosen, model)
    changed = applyFolds(model, chosen, readRange)
    if (!(await sameFunction(model, changed, samples, sessions, tools))) {
      for (const { group, fold } of chosen)
        if (fold.heads) remark(group, 'no activation-aware scaling: how heads share values is not clear')
      chosen = chosen.filter(({ fold }) => !fold.heads)
      changed = applyFolds(model, chosen, readRange)
      if (chosen.length === 0 || !(await sameFunction(model, changed, samples, sessions, tools))) {
        const note = 'activation-aware scaling was undone: the model with it computes something else'
        return { ...prepared, remarks, warnings: [...prepared.warnings, note] }
      }
    }
  }
  for (const { group, chosen: best, fold } of chosen) {
    const error = `${Math.floor(best.remains * 1000) / 10} % of the error of its outputs remains`
    remark(group, `activation-aware scaling with exponent ${best.alpha}, folded into ${fold.into}: ${error}`)
  }
  return {
    ...prepared,
    model: changed,
    inventory: await takeInventory(changed, readSmall),
    table: new Table(),
    remarks,
  }
}

function unsuitable({ unfolding, groups, depth }: FitGroup): string | null {
  if (unfolding.kind !== 'rows') return 'it is of a convolution'
  if (unfolding.turned || groups !== 1) return 'its input is read by columns'
  return depth > MOST_DEPTH ? `rows of more than ${MOST_DEPTH} elements` : null
}

/** Second moments and mean magnitudes of what a group reads; null where it does not suit. */
async function lookAt(
  { unfolding, depth }: FitGroup,
  fold: InputFold,
  line: PrefixLine,
  { kernels, signal }: Tools,
): Promise<{ readonly gram: Float32Array; readonly means: Float64Array } | null> {
  const sums = new GramSums(depth, false, kernels)
  const means = new Float64Array(depth)
  const wanted = Math.ceil(Math.max(LEAST_ROWS, ROWS_PER_ELEMENT * depth) / line.samples)
  const none = new Float32Array(0)
  const breathe = breather()
  for (let sample = 0; sample < line.samples; sample++) {
    await breathe()
    signal?.throwIfAborted()
    const value = line.value(sample, fold.value)
    if (!value || !(value.dtype === 'f32' || value.dtype === 'f16' || value.dtype === 'f64')) return null
    const shape = unfoldedShape(unfolding, value.shape)
    if (shape.depth !== depth) return null
    const positions = spreadPositions(shape.positions, wanted, sample * 7919)
    const rows = new Float32Array(positions.length * depth)
    shape.copy(asSingles(floatsOf(value)), 0, positions, rows, depth)
    for (const [i, one] of rows.entries()) means[i % depth] = (means[i % depth] as number) + Math.abs(one)
    sums.add(rows, none, positions.length)
  }
  const { gram, count } = sums.facts()
  if (count === 0) return null
  for (let i = 0; i < depth; i++) means[i] = (means[i] as number) / count
  const moments = Float32Array.from(gram, (sum) => sum / count)
  if (!moments.every(Number.isFinite) || !means.some((mean) => mean > 0)) return null
  return { gram: moments, means: tiedMeans(means, fold.heads) }
}

/** The same with heads that share values one after the other; factors are made equal anew. */
async function inTurns(chosen: readonly Chosen[], model: Prepared['model']): Promise<Chosen[]> {
  const connections = connect(model)
  const changed: Chosen[] = []
  for (const one of chosen) {
    const fold = one.fold.heads
      ? await findFold(one.fold.value, connections, readSmall, { heads: 'in turns' })
      : one.fold
    if (typeof fold !== 'string') changed.push({ ...one, fold, factors: tiedMeans(one.factors, fold.heads) })
  }
  return changed
}
