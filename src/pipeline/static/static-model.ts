import type { Calibrator } from '../../calibration/ranges/index.ts'
import { coverageOf } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { inlineFunctions } from '../../graph/bodies/index.ts'
import { applyEdits, opsetOf, removeDead, takeInventory } from '../../graph/index.ts'
import { insertPairs } from '../../graph/lowerings/index.ts'
import { type AskedForm, placeActivations } from '../../graph/placement/index.ts'
import { prepareForStatic } from '../../graph/rewrites/prepare-static.ts'
import { raiseOpset } from '../../graph/rewrites/raise-opset/index.ts'
import type { ActivationGrid, Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { DecisionFact, Report } from '../../model/report.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import type { Ask } from '../ask.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { readSmall } from '../tensor-bytes.ts'
import { keptLabels } from './kept-labels.ts'
import { type CalibratorOf, gridsOf } from './static-grids.ts'
import { type StaticConstants, staticConstants } from './static-weights.ts'

/** What static quantization adds to a run: the model with its pairs in place, and what the report says of it. */
export interface StaticStage {
  readonly prepared: Prepared
  readonly parts: StaticParts
  readonly decisions: readonly DecisionFact[]
  readonly points: Report['points']
  readonly notes: readonly string[]
}

/** The model in the form that is quantized. */
export interface StaticReady {
  readonly model: Model
  /** Products that a rule keeps, by label. */
  readonly keep: ReadonlySet<string>
  readonly notes: readonly string[]
}

/** Where it is quantized, and what statistics have to know. */
export interface StaticPlaced extends StaticReady {
  readonly placement: Placement
  /** Values whose statistics are needed. */
  readonly values: readonly string[]
}

/** What trials chose; both may be empty. */
export interface StaticChoices {
  /** By group, where another than the general one rounds better. */
  readonly calibrators: ReadonlyMap<string, Calibrator>
  /** By label of a product, where it needs more precision than pairs give. */
  readonly forms: ReadonlyMap<string, AskedForm>
}

export const NO_CHOICES: StaticChoices = { calibrators: new Map(), forms: new Map() }

/** Better codes and biases for the same grids, by running what was quantized so far. */
export type Refine = (
  grids: ReadonlyMap<string, ActivationGrid>,
  constants: StaticConstants,
) => Promise<StaticConstants>

/** What a stage was made from, for trials. */
export interface StaticParts {
  readonly grids: ReadonlyMap<string, ActivationGrid>
  readonly constants: StaticConstants
  readonly lowered: Model
}

/** What is known of the values, and of what data in words: `60 samples`. */
export interface StaticKnown {
  readonly statistics: Statistics
  readonly data: string
  readonly calibrator?: Calibrator
  readonly notes?: readonly string[]
}

/** Per-axis DequantizeLinear. */
const OPSET = 13
/** Growth of a range that is worth a word. */
const MUCH = 0.1

/** rewrite: nothing is run. */
export async function readyStatic(prepared: Prepared, ask: Ask, phases: Phases): Promise<StaticReady> {
  const { model, notes } = await phases.time('rewrite', () => readyForStatic(prepared.model))
  return { model, keep: keptLabels(await takeInventory(model, readSmall), ask), notes }
}

/** place: nothing is run. E_PLAN where nothing can be computed in integers. */
export async function placeStatic(
  ready: StaticReady,
  ask: Ask,
  { forms }: StaticChoices,
  phases: Phases,
): Promise<StaticPlaced> {
  const { model, keep } = ready
  const placement = await phases.time('place', () => placeActivations(model, ask.target, { readSmall, keep, forms }))
  if (placement.points.length === 0) {
    throw new TersorError('E_PLAN', 'nothing in this model can run in integers with static ranges', {
      hint: 'try --to int8 or --to int8-weights',
    })
  }
  return { ...ready, placement, values: [...new Set(placement.points.map(({ value }) => value))] }
}

/**
 * grids -> weights -> pairs: the model with QuantizeLinear and DequantizeLinear around what runs in integers. Its weights are codes
 * then; what stays float is left to the plan. The same statistics give the same model, in Node and in browsers: nothing is run.
 */
export async function staticStage(
  prepared: Prepared,
  { model, placement, notes }: StaticPlaced,
  known: StaticKnown,
  { calibrators }: StaticChoices,
  ask: Ask,
  tools: Tools,
  phases: Phases,
  refine?: Refine,
): Promise<StaticStage> {
  const { statistics, data } = known
  const calibratorOf = calibratorsOf(known, calibrators)
  const grids = gridsOf(placement, statistics, calibratorOf)
  const plain = await phases.time('weights', () =>
    staticConstants(model, placement, grids, statistics, ask.solver !== 'nearest', tools),
  )
  const constants = refine ? await phases.time('refine', () => refine(grids, plain)) : plain
  const edits = insertPairs(model, placement, { grids, weights: constants.weights, biases: constants.biases })
  const lowered = removeDead(applyEdits(model, edits))
  return {
    prepared: { ...prepared, model: lowered, inventory: await takeInventory(lowered, readSmall) },
    parts: { grids, constants, lowered },
    decisions: decisionsOf(placement, constants, data),
    points: pointsOf(placement, grids, calibratorOf),
    notes: [...notes, ...(known.notes ?? []), ...coverageNotes(statistics), ...placementNotes(placement)],
  }
}

/** What finds the range of a group: what a trial chose, what was asked for, the default. */
export function calibratorsOf(
  { calibrator }: Pick<StaticKnown, 'calibrator'>,
  chosen: ReadonlyMap<string, Calibrator>,
): CalibratorOf {
  return (group) => calibrator ?? chosen.get(group) ?? 'percentile'
}

async function readyForStatic(model: Model): Promise<{ model: Model; notes: string[] }> {
  const inlined = inlineFunctions(model)
  const prepared = await prepareForStatic(inlined.model, readSmall)
  const notes = countsOf([...inlined.done, ...prepared.done].map(({ rewrite }) => rewrite)).map(
    ([what, count]) => `${count} x ${what}: folded before ranges were looked at`,
  )
  if ((opsetOf(prepared.model) ?? 0) >= OPSET) return { model: prepared.model, notes }
  const raised = await raiseOpset(prepared.model, OPSET, readSmall)
  if (!('model' in raised)) throw new TersorError('E_PLAN', `static int8 needs opset ${OPSET}: ${raised.text}`)
  return { model: raised.model, notes: [...notes, `opset raised to ${OPSET}`] }
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

function pointsOf(
  placement: Placement,
  grids: ReturnType<typeof gridsOf>,
  calibratorOf: CalibratorOf,
): Report['points'] {
  return placement.points.map(({ value, group, because, precision }) => ({
    value,
    scheme: precision === 'wide' ? 'uint16-tensor-asym' : 'uint8-tensor-asym',
    observer: precision === 'wide' ? 'minmax' : calibratorOf(group),
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
