import { openSynthetic, type SampleSet } from '../../calibration/index.ts'
import type { Calibrator } from '../../calibration/ranges/index.ts'
import { coverageOf } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { applyEdits, opsetOf, removeDead, takeInventory } from '../../graph/index.ts'
import { insertPairs } from '../../graph/lowerings/index.ts'
import { placeActivations } from '../../graph/placement/index.ts'
import { prepareForStatic } from '../../graph/rewrites/prepare-static.ts'
import { raiseOpset } from '../../graph/rewrites/raise-opset/index.ts'
import type { Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { DecisionFact, Report } from '../../model/report.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import type { Ask } from '../ask.ts'
import { collectStatistics } from '../calibrate.node.ts'
import { type EvidenceOptions, openGiven } from '../evidence.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { readSmall } from '../tensor-bytes.ts'
import { idLimits } from '../token-tables.ts'
import { keptLabels } from './kept-labels.ts'
import { calibrating, someOf } from './sample-roles.ts'
import { gridsOf } from './static-grids.ts'
import { type StaticConstants, staticConstants } from './static-weights.ts'

export interface StaticOptions extends EvidenceOptions {
  readonly calibrator?: Calibrator
  readonly maxMemory?: number
  /** Nothing is judged, so nothing has to be held back. */
  readonly noVerify?: boolean
}

/** What static quantization adds to a run: the model with its pairs in place, and what the report says of it. */
export interface StaticStage {
  readonly prepared: Prepared
  readonly decisions: readonly DecisionFact[]
  readonly points: Report['points']
  readonly notes: readonly string[]
}

/** Per-axis DequantizeLinear. */
const OPSET = 13
const SYNTHETIC_SAMPLES = 32
/** Growth of a range that is worth a word. */
const MUCH = 0.1

/**
 * rewrite -> place -> calibrate -> grids -> pairs: the model with QuantizeLinear and DequantizeLinear around what runs in integers.
 * Its weights are codes then; what stays float is left to the plan. E_RUNTIME without an onnxruntime to run the float model on.
 */
export async function staticModel(
  prepared: Prepared,
  opened: OpenedModel,
  ask: Ask,
  options: StaticOptions,
  tools: Tools,
  phases: Phases,
): Promise<StaticStage> {
  const { model, notes } = await phases.time('rewrite', () => readyForStatic(prepared.model))
  const inventory = await takeInventory(model, readSmall)
  const placement = await phases.time('place', () =>
    placeActivations(model, ask.target, { readSmall, keep: keptLabels(inventory, ask) }),
  )
  if (placement.points.length === 0) {
    throw new TersorError('E_PLAN', 'nothing in this model can run in integers with static ranges', {
      hint: 'try --to int8 or --to int8-weights',
    })
  }
  const runtime = await runtimeFor(opened)
  let statistics: Statistics
  let data: string
  try {
    const samples = await samplesFor(model, prepared, opened, runtime, options)
    data = `${samples.count} ${options.calib === undefined ? 'synthetic inputs' : 'samples'}`
    const values = placement.points.map(({ value }) => value)
    const calibration = await phases.time('calibrate', () =>
      collectStatistics({
        model,
        values,
        samples,
        runtime,
        tools,
        ...(options.maxMemory === undefined ? {} : { maxMemory: options.maxMemory }),
      }),
    )
    statistics = calibration.statistics
    notes.push(...samples.skipped, ...calibration.notes, ...coverageNotes(statistics))
  } finally {
    await runtime.close()
  }
  const calibrator = options.calibrator ?? 'percentile'
  const grids = gridsOf(placement, statistics, calibrator)
  const constants = await phases.time('weights', () =>
    staticConstants(model, placement, grids, statistics, ask.solver !== 'nearest', tools),
  )
  const edits = insertPairs(model, placement, { grids, weights: constants.weights, biases: constants.biases })
  const lowered = removeDead(applyEdits(model, edits))
  return {
    prepared: { ...prepared, model: lowered, inventory: await takeInventory(lowered, readSmall) },
    decisions: decisionsOf(placement, constants, data),
    points: pointsOf(placement, grids, calibrator),
    notes: [...notes, ...placementNotes(placement)],
  }
}

async function readyForStatic(model: Model): Promise<{ model: Model; notes: string[] }> {
  const prepared = await prepareForStatic(model, readSmall)
  const notes = countsOf(prepared.done.map(({ rewrite }) => rewrite)).map(
    ([what, count]) => `${count} x ${what}: folded before ranges were looked at`,
  )
  if ((opsetOf(prepared.model) ?? 0) >= OPSET) return { model: prepared.model, notes }
  const raised = await raiseOpset(prepared.model, OPSET, readSmall)
  if (!('model' in raised)) throw new TersorError('E_PLAN', `static int8 needs opset ${OPSET}: ${raised.text}`)
  return { model: raised.model, notes: [...notes, `opset raised to ${OPSET}`] }
}

async function runtimeFor(opened: OpenedModel): Promise<Runtime> {
  if (opened.path === undefined) {
    throw new TersorError('E_UNSUPPORTED', 'static int8 runs the model to find its ranges; download the file first')
  }
  const runtime = await findRuntime()
  if (runtime) return runtime
  throw new TersorError(
    'E_RUNTIME',
    'static int8 runs the float model to find its ranges, and no onnxruntime was found',
    {
      hint: 'npm install onnxruntime-node',
    },
  )
}

async function samplesFor(
  model: Model,
  { inventory }: Prepared,
  { path }: OpenedModel,
  runtime: Runtime,
  options: StaticOptions,
): Promise<SampleSet> {
  const session = await runtime.open({ path: path as string }, { optimized: true, threads: 1 })
  try {
    if (options.calib === undefined) {
      // Other inputs than those the proof draws.
      const seed = ((options.seed ?? 0) + 0x51a71c) >>> 0
      return await openSynthetic(session, {
        seed,
        count: options.samples ?? SYNTHETIC_SAMPLES,
        limits: idLimits(inventory),
        ...(options.signal ? { signal: options.signal } : {}),
      })
    }
    const set = await openGiven(options.calib, model, inventory, session, options)
    return someOf(set, calibrating(set.count, options.eval === undefined && options.noVerify !== true))
  } finally {
    await session.release()
  }
}

function coverageNotes(statistics: Statistics): string[] {
  const { grown, last } = coverageOf(statistics)
  const much = grown.filter(({ growth }) => growth > MUCH)
  if (much.length === 0) return []
  const names = much.slice(0, 3).map(({ name }) => name)
  return [
    `the last ${last} samples widened ${much.length} ranges by more than a tenth: more data would help (${names.join(', ')})`,
  ]
}

function placementNotes({ floatCounts, multiplyAdds }: Placement): string[] {
  const float = [...floatCounts].map(([code, count]) => `${count} ${code}`).join(', ')
  const share = multiplyAdds && multiplyAdds.total > 0 ? multiplyAdds.integer / multiplyAdds.total : null
  return [
    ...(share === null
      ? []
      : [`${(100 * share).toFixed(1)} % of the multiply-adds of Conv, Gemm and MatMul run in integers`]),
    ...(float === '' ? [] : [`nodes that stay float: ${float}`]),
  ]
}

function decisionsOf(placement: Placement, { weights, figures }: StaticConstants, data: string): DecisionFact[] {
  const decisions = new Map<string, DecisionFact>()
  for (const { weight, label, node, form } of placement.products) {
    const made = weight && weights.get(weight.name)
    const figure = weight && figures.get(weight.name)
    if (!weight || !made || !figure) continue
    const earlier = decisions.get(weight.name)
    const codes =
      figure.form === 's8' ? 'signed codes whose pairs no CPU saturates' : 'unsigned codes, which no CPU saturates'
    decisions.set(weight.name, {
      tensor: weight.name,
      consumers: [...(earlier?.consumers ?? []), label],
      op: node.op,
      action: 'quantize',
      scheme: `int8-${weight.axis === null ? 'tensor' : 'channel'}-sym`,
      lowering: form === 'conv-integer' ? 'onnx/conv-integer' : 'onnx/qdq',
      packing: 'onnx/elements',
      solver: 'search',
      corrections: figure.biasCorrected ? ['bias'] : [],
      because: { code: 'saturation', text: `integers, activations by ranges of ${data}; ${codes}` },
      shape: weight.shape,
      bytesBefore: elementCountOf(weight.shape) * 4,
      bytesAfter: elementCountOf(weight.shape) + made.scales.byteLength,
      sqnrDb: figure.sqnrDb,
    })
  }
  return [...decisions.values()]
}

function pointsOf(placement: Placement, grids: ReturnType<typeof gridsOf>, calibrator: Calibrator): Report['points'] {
  return placement.points.map(({ value, group, because }) => ({
    value,
    scheme: 'uint8-tensor-asym',
    observer: calibrator,
    group,
    because,
    scale: grids.get(group)?.scale,
    zero: grids.get(group)?.zero,
  }))
}

function countsOf(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
}
