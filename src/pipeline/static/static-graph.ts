import type { Calibrator } from '../../calibration/ranges/index.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import type { Calibration } from '../calibrate.ts'
import type { CollectFrom, Fitted, GraphRecord } from '../graph-record.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { dataOf } from '../statistics-need.ts'
import { readSmall } from '../tensor-bytes.ts'
import { withFresh } from './scaled-statistics.ts'
import {
  type Fit,
  NO_CHOICES,
  placeStatic,
  type StaticChoices,
  type StaticKnown,
  type StaticPlaced,
  type StaticReady,
  type StaticStage,
  staticStage,
} from './static-model.ts'
import { transformAsk } from './transform-candidates.ts'
import { staticTransforms } from './transforms.ts'

export interface StaticGraphOptions {
  readonly calibrator?: Calibrator
  readonly effort?: 'fast' | 'default' | 'best'
}

/** Everything of one graph that a stage is made from, in Node and in browsers. */
export interface StaticGraph {
  readonly prepared: Prepared
  readonly ready: StaticReady
  readonly placed: StaticPlaced
  readonly known: StaticKnown
  readonly choices: StaticChoices
  /** Of the graph as it was given; `known` is of what it was changed to. */
  readonly seen: Statistics
  /** Collected after the change. */
  readonly fresh?: Statistics | undefined
  readonly record: GraphRecord
  readonly ask: Ask
  readonly options: StaticGraphOptions
  readonly tools: Tools
  readonly phases: Phases
}

type Given = Pick<StaticGraph, 'prepared' | 'ready' | 'record' | 'ask' | 'options' | 'tools' | 'phases'>

const UNFITTED =
  'nothing was run, and the statistics hold nothing that was chosen and fitted with these options: weights are rounded plainly (give --calib to fit them)'

/**
 * A graph with its statistics and what was chosen of it before. `collect` runs it over data, where the record does not know what comes out.
 * E_PLAN where nothing in it can run in integers.
 */
export async function openGraph(
  given: Given,
  collect: (values: readonly string[], from: CollectFrom, placed: StaticPlaced) => Promise<Calibration>,
): Promise<StaticGraph> {
  const { ready, record, ask, options, phases } = given
  const placed = await placeStatic(ready, ask, NO_CHOICES, phases)
  const { statistics, notes } = await record.known({ model: ready.model, values: placed.values }, (from) =>
    // Other placements of before may have needed more.
    collect([...new Set([...placed.values, ...(record.statistics?.values.keys() ?? [])])], from, placed),
  )
  const known = {
    statistics,
    data: dataOf(statistics),
    notes,
    ...(options.calibrator === undefined ? {} : { calibrator: options.calibrator }),
  }
  const { choices = NO_CHOICES } = record
  const graph: StaticGraph = { ...given, placed, known, choices, seen: statistics, fresh: record.fresh }
  const changed = choices.transform === undefined ? graph : await changedAgain(graph, choices.transform)
  return choices.forms.size > 0
    ? { ...changed, placed: await placeStatic(changed.ready, ask, choices, phases) }
    : changed
}

/** The graph after a change that was chosen before: it follows from the statistics. */
async function changedAgain(graph: StaticGraph, name: string): Promise<StaticGraph> {
  const { ready, placed, known, fresh, ask, phases } = graph
  const [candidate] = transformAsk(name)?.candidates ?? []
  const wanted = candidate?.transforms ?? new Set()
  const changed = await phases.time('equalize', () =>
    staticTransforms(ready.model, known.statistics, readSmall, wanted, { rounded: new Set(placed.values) }),
  )
  const next = { ...ready, model: changed.model }
  const statistics = fresh ? withFresh(changed.statistics, fresh) : changed.statistics
  return {
    ...graph,
    ready: next,
    placed: await placeStatic(next, ask, NO_CHOICES, phases),
    known: { ...known, statistics },
  }
}

/** The stage of a graph. `fit`: what finds codes by running it. */
export function makeStage(graph: StaticGraph, fit?: Fit): Promise<StaticStage> {
  const { prepared, placed, known, choices, ask, tools, phases } = graph
  return staticStage(prepared, placed, known, choices, ask, tools, phases, fit)
}

/** The stage without running anything: what the record does not hold is left out. Undefined where data are there to find it with. */
export async function recordedStage(graph: StaticGraph): Promise<StaticStage | undefined> {
  const { record, ask, options, known, ready } = graph
  if (record.choices !== undefined) return makeStage(graph, record.fit)
  if (record.hasData) return undefined
  const fits = ask.solver !== 'nearest' && (options.effort !== 'fast' || (ready.lowBits?.size ?? 0) > 0)
  const notes = fits ? [...(known.notes ?? []), UNFITTED] : (known.notes ?? [])
  return makeStage({ ...graph, known: { ...known, notes } })
}

/** The stage with everything that is fitted by running; remembered, so that it can be made again without. */
export async function fittedStage(graph: StaticGraph, fit: Fit): Promise<StaticStage> {
  const { refine, learn } = fit
  const fitted: { -readonly [K in keyof Fitted]: Fitted[K] } = {}
  const stage = await makeStage(graph, {
    refine:
      refine &&
      (async (grids, plain) => {
        const refined = await refine(grids, plain)
        fitted.constants = { plain, refined }
        return refined
      }),
    learn:
      learn &&
      (async (...given) => {
        fitted.learned = await learn(...given)
        return fitted.learned
      }),
  })
  await graph.record.keep(graph.seen, graph.choices, fitted, graph.fresh)
  return stage
}
