import { asTersorError } from '../../errors.ts'
import type { Model, ScopePath, TensorRef } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { GramRows } from '../../solvers/gram/rows.ts'
import { PLAIN_CHOICE } from '../../solvers/gram/solve-gram.ts'
import { breather } from '../breath.ts'
import type { LowRankOptions } from '../low-rank/corrected-rows.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { WeightWork } from '../plan.ts'
import { type FitGroup, type FitLayer, fitGroups } from './fit-groups.ts'
import type { FitStore } from './fit-store.ts'
import type { FittedWeight } from './fitted.ts'
import { chosenFor, solversOf } from './input-solvers.ts'
import { fitLayer, refuseWeighted } from './layer-codes.ts'
import { decodedAlone, decodedFit, rowsOf } from './layer-rows.ts'
import { PrefixLine } from './prefix-line.ts'
import type { RowSolving } from './row-solving.ts'
import { segmentsOf } from './segments.ts'

/** One graph with what it is run on: the main graph, or a body as a model of its own. */
export interface FitGraph {
  readonly model: Model
  readonly path: ScopePath
  readonly work: readonly WeightWork[]
  readonly samples: readonly Sample[]
  /** Bytes that values between layers may take. */
  readonly mostBytes: number
  /** Keeps what is found; absent: memory does. */
  readonly store?: FitStore
  /** Corrects what codes do wrong. */
  readonly lowRank?: LowRankOptions
  /** A search by weighted errors in the place of error feedback. */
  readonly weighted: boolean
  /** Who solves rows. */
  readonly solving: RowSolving
}

/** What was found so far, in this graph and in those before it. */
export interface FoundWeights {
  readonly fitted: Map<WeightFacts, FittedWeight>
  readonly refused: Map<WeightFacts, string>
  /** Decoded weights by name, in the place of the floats for everything that comes behind; none of them is held. */
  readonly constants: Map<string, TensorRef>
  readonly notes: Set<string>
}

/**
 * Solves the weights of one graph in the order in which their inputs are computed. Two runs of the model advance side by side, each node
 * once a sample: the float one, and one with every weight so far as it was quantized. From what both give to a group of products come its
 * second moments; nothing of earlier layers is kept but what later ones read. What `store` knows of an earlier run is not solved again.
 */
export async function fitGraph(
  { model, path, work, samples, mostBytes, store, lowRank, weighted, solving }: FitGraph,
  { fitted, refused, constants, notes }: FoundWeights,
  sessions: ModelSessions,
  tools: Tools,
): Promise<void> {
  const open = work.filter(({ weight }) => !fitted.has(weight))
  const { groups, refused: unfit } = fitGroups(model, open, path)
  for (const [weight, why] of unfit) refused.set(weight, why)
  const inGroups = new Set(groups.flatMap(({ layers }) => layers.map((layer) => layer.work.weight)))
  for (const one of open) {
    if (inGroups.has(one.weight) || constants.has(one.weight.name)) continue
    if (String(one.weight.scope) !== String(path)) continue
    const tensor = decodedAlone(one, tools)
    if (tensor) constants.set(tensor.name, tensor)
  }
  const stops = groups.map(({ operand }) => operand)
  const segments = segmentsOf(model, stops)
  const rounded = new PrefixLine('quantized', model, segments, samples, sessions, tools, mostBytes / 2)
  const exact = new PrefixLine('float', model, segments, samples, sessions, tools, mostBytes / 2)
  const breathe = breather()
  const settle = ({ work: one }: FitLayer, found: FittedWeight | string): void => {
    const isFound = typeof found !== 'string'
    if (isFound) {
      fitted.set(one.weight, found)
      refused.delete(one.weight)
    } else refused.set(one.weight, found)
    const tensor = isFound ? decodedFit(one, found, tools) : decodedAlone(one, tools)
    if (tensor) constants.set(tensor.name, tensor)
  }
  const isOpen = ({ layers }: FitGroup): boolean => layers.some((layer) => store?.known(layer.work) === undefined)
  // Nothing is run for what comes behind it.
  const last = groups.findLastIndex(isOpen)
  for (const [index, group] of groups.entries()) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'fit', done: index, total: groups.length, note: group.layers[0]?.work.weight.name ?? '' })
    await breathe()
    try {
      if (index <= last) {
        await rounded.advance(constants)
        await exact.advance(new Map())
      }
    } catch (thrown) {
      const error = asTersorError(thrown)
      if (error.code !== 'E_RUNTIME' || tools.signal?.aborted) throw thrown
      // Nothing behind can be looked at either.
      const left = groups.slice(index).flatMap(({ layers }) => layers)
      for (const one of left) refused.set(one.work.weight, `the model does not run up to it: ${error.message}`)
      break
    }
    if (index <= last) {
      const count = Math.min(rounded.samples, exact.samples)
      if (count < samples.length) notes.add(heldNote(count, samples.length, mostBytes))
    }
    if (isOpen(group)) await solveGroup(group)
    else for (const layer of group.layers) settle(layer, store?.known(layer.work) as FittedWeight | string)
    rounded.forget()
    exact.forget()
    solving.forget()
  }

  async function solveGroup(group: FitGroup): Promise<void> {
    const layers: { readonly layer: FitLayer; readonly rows: GramRows }[] = []
    for (const layer of group.layers) layers.push({ layer, rows: await rowsOf(layer, tools) })
    const count = Math.min(rounded.samples, exact.samples)
    const solvers = await solversOf(group, group.layers[0]?.work.inverse, count, rounded, exact, solving, tools)
    const rowsOfAll = layers.map(({ rows }) => rows)
    const choice = solvers && (weighted ? PLAIN_CHOICE : await chosenFor(rowsOfAll, solvers, tools))
    const how = { weighted, ...(lowRank ? { lowRank } : {}) }
    for (const { layer, rows } of layers) {
      tools.signal?.throwIfAborted()
      await breathe()
      const known = store?.known(layer.work)
      if (known !== undefined) {
        settle(layer, known)
        continue
      }
      const why = solvers ? 'its input is zero or not finite on the data' : 'its input has no rows of its depth'
      const unweighted = weighted ? refuseWeighted(layer.work) : null
      const found =
        unweighted ??
        (solvers && choice && (await fitLayer(layer, rows, solvers, { ...how, choice }, solving, tools))) ??
        why
      settle(layer, store ? store.keep(layer.work, found) : found)
    }
  }
}

function heldNote(count: number, all: number, bytes: number): string {
  return `weights were fitted to ${count} of ${all} samples: the values between layers of more would not fit ${Math.floor(bytes / 2 ** 20)} MiB`
}
