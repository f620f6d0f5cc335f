import type { Calibrator } from '../../calibration/ranges/index.ts'
import { coverageOf } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { inlineFunctions } from '../../graph/bodies/index.ts'
import { applyEdits, opsetOf, removeDead, takeInventory } from '../../graph/index.ts'
import { insertPairs } from '../../graph/lowerings/index.ts'
import { type AskedForm, placeActivations } from '../../graph/placement/index.ts'
import { unlistConstants } from '../../graph/rewrites/listed-constants.ts'
import { ownBiases } from '../../graph/rewrites/own-biases.ts'
import { prepareForStatic } from '../../graph/rewrites/prepare-static.ts'
import { raiseOpset } from '../../graph/rewrites/raise-opset/index.ts'
import { widenHalf } from '../../graph/rewrites/widen-half.ts'
import type { ActivationGrid, Placement, ProductForm } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { DecisionFact, Report } from '../../model/report.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import type { FewBits } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { readSmall } from '../tensor-bytes.ts'
import { askedForms } from './asked-forms.ts'
import { keptLabels } from './kept-labels.ts'
import { type Learn, type LowBits, lowBitsOf } from './low-bit-stage.ts'
import { lowBitWishes } from './low-bit-wishes.ts'
import type { RoundedWeights } from './rounded-weights.ts'
import { type CalibratorOf, gridsOf } from './static-grids.ts'
import { countsOf, floatNotes, rewriteNotes } from './static-notes.ts'
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
  /** Forms that rules ask for, by label. */
  readonly forms?: ReadonlyMap<string, AskedForm>
  /** Bodies of it are quantized by themselves. */
  readonly bodiesApart?: boolean
  /** Weights that rules give fewer than 8 bits, with their bits. */
  readonly lowBits?: ReadonlyMap<string, FewBits>
  /** What was rounded while samples ran. */
  readonly rounded?: RoundedWeights
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
  /** The change before that keeps the function, as `--transform` names it; absent: none. */
  readonly transform?: string
}

export const NO_CHOICES: StaticChoices = { calibrators: new Map(), forms: new Map() }

/** Better codes and biases for the same grids, by running what was quantized so far. */
export type Refine = (
  grids: ReadonlyMap<string, ActivationGrid>,
  constants: StaticConstants,
) => Promise<StaticConstants>

/** How codes are fitted by running the model, where it can be run. */
export interface Fit {
  readonly refine?: Refine | undefined
  readonly learn?: Learn | undefined
}

/** What a stage was made from, for trials. */
export interface StaticParts {
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  /** Of weights of 8 bits. */
  readonly constants: StaticConstants
  /** Of weights of fewer. */
  readonly lowBits: LowBits['weights']
  readonly lowered: Model
}

/** What is known of the values, and of what data in words: `60 samples`. */
export interface StaticKnown {
  readonly statistics: Statistics
  readonly data: string
  readonly calibrator?: Calibrator
  readonly notes?: readonly string[]
}

/** Per-axis DequantizeLinear; codes of fewer than 8 bits. */
const [OPSET, FEW_BITS_OPSET] = [13, 21]
const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'Gemm', 'MatMul', 'ConvTranspose'])
/** Growth of a range that is worth a word. */
const MUCH = 0.1

/** rewrite: nothing is run. */
export async function readyStatic(prepared: Prepared, ask: Ask, phases: Phases): Promise<StaticReady> {
  return phases.time('rewrite', async () => {
    const ready = await readyForStatic(prepared.model)
    const inventory = await takeInventory(ready.model, readSmall)
    const lowBits = lowBitWishes(inventory, ask)
    const forms = askedForms(inventory, ask)
    if (lowBits.size === 0) return { ...ready, forms, keep: keptLabels(inventory, ask) }
    const { model, notes } = await raisedTo(FEW_BITS_OPSET, ready, `weights of ${fewest(lowBits)} bits`)
    const raised = model === ready.model ? inventory : await takeInventory(model, readSmall)
    return { model, notes, lowBits, forms, keep: keptLabels(raised, ask, lowBits) }
  })
}

/** place: nothing is run. E_PLAN where nothing can be computed in integers. */
export async function placeStatic(
  ready: StaticReady,
  ask: Ask,
  { forms }: StaticChoices,
  phases: Phases,
): Promise<StaticPlaced> {
  const { model, keep } = ready
  const asked = new Map([...(ready.forms ?? []), ...forms])
  const placement = await phases.time('place', () =>
    placeActivations(model, ask.target, { readSmall, keep, forms: asked }),
  )
  if (!hasIntegers(placement)) {
    throw new TersorError(
      'E_PLAN',
      `nothing in this model can run in integers with static ranges${whyFloat(placement)}`,
      {
        hint: 'try --to int8 or --to int8-weights',
      },
    )
  }
  return { ...ready, placement, values: [...new Set(placement.points.map(({ value }) => value))] }
}

/**
 * grids -> weights -> pairs: the model with QuantizeLinear and DequantizeLinear around what runs in integers. Its weights are codes
 * then; what stays float is left to the plan. The same statistics give the same model, in Node and in browsers: nothing is run.
 */
export async function staticStage(
  prepared: Prepared,
  { model, placement, notes, lowBits = new Map(), bodiesApart = false, rounded }: StaticPlaced,
  known: StaticKnown,
  { calibrators }: StaticChoices,
  ask: Ask,
  tools: Tools,
  phases: Phases,
  { refine, learn }: Fit = {},
): Promise<StaticStage> {
  const { statistics, data } = known
  const calibratorOf = calibratorsOf(known, calibrators)
  const grids = gridsOf(placement, statistics, calibratorOf)
  const plain = await phases.time('weights', () =>
    staticConstants(model, placement, grids, statistics, ask.solver !== 'nearest', tools, rounded),
  )
  const refined = refine ? await phases.time('refine', () => refine(grids, plain)) : plain
  const given = {
    model,
    placement,
    grids,
    constants: refined,
    bits: lowBits,
    nearest: ask.solver === 'nearest',
    data,
    tools,
  }
  const few = await (lowBits.size === 0
    ? lowBitsOf(given)
    : phases.time('learn', () => lowBitsOf(learn ? { ...given, learn } : given)))
  const { constants } = few
  const { weights, biases } = constants
  const edits = insertPairs(model, placement, { grids, weights, biases, lowBit: few.weights })
  const lowered = removeDead(applyEdits(model, edits))
  return {
    prepared: { ...prepared, model: lowered, inventory: await takeInventory(lowered, readSmall) },
    parts: { placement, grids, constants, lowBits: few.weights, lowered },
    decisions: [...decisionsOf(placement, constants, data), ...few.decisions],
    points: pointsOf(placement, grids, calibratorOf),
    notes: [
      ...notes,
      ...few.notes,
      ...(known.notes ?? []),
      ...coverageNotes(statistics),
      ...placementNotes(placement, few.weights, bodiesApart),
    ],
  }
}

/** What finds the range of a group: what a trial chose, what was asked for, the default. */
export function calibratorsOf(
  { calibrator }: Pick<StaticKnown, 'calibrator'>,
  chosen: ReadonlyMap<string, Calibrator>,
): CalibratorOf {
  return (group) => calibrator ?? chosen.get(group) ?? 'percentile'
}

async function readyForStatic(model: Model): Promise<{ readonly model: Model; readonly notes: readonly string[] }> {
  const plain = unlistConstants(model)
  const inlined = inlineFunctions(plain.model)
  const wide = await widenHalf(inlined.model, readSmall)
  const prepared = await prepareForStatic(wide.model, readSmall)
  const notes = rewriteNotes([...plain.done, ...inlined.done, ...wide.done, ...prepared.done])
  const { model: ready } = await ownBiases(prepared.model, readSmall)
  return raisedTo(OPSET, { model: ready, notes }, 'static int8')
}

async function raisedTo(
  opset: number,
  given: { readonly model: Model; readonly notes: readonly string[] },
  what: string,
): Promise<{ readonly model: Model; readonly notes: readonly string[] }> {
  if ((opsetOf(given.model) ?? 0) >= opset) return given
  const raised = await raiseOpset(given.model, opset, readSmall)
  if (!('model' in raised)) throw new TersorError('E_PLAN', `opset ${opset} is needed for ${what}: ${raised.text}`)
  return { model: raised.model, notes: [...given.notes, `opset raised to ${opset} for ${what}`] }
}

function fewest(bits: ReadonlyMap<string, FewBits>): number {
  return Math.min(...[...bits.values()].map((one) => one.bits))
}

function hasIntegers({ points, products, recurrent }: Placement): boolean {
  return points.length > 0 || recurrent.length > 0 || products.some(({ form }) => form !== 'stored')
}

/** The reasons of the products, most frequent first. */
function whyFloat({ float }: Placement): string {
  const reasons = [
    ...countsOf(
      float
        .filter(({ node, code }) => PRODUCTS.has(node.op) || code === 'recurrent')
        .map(({ node, text }) => `${node.op} (${text})`),
    ),
  ]
  const most = reasons.sort(([, a], [, b]) => b - a).slice(0, 3)
  return most.length === 0
    ? ': it has no Conv, Gemm or MatMul in float32'
    : `: ${most.map(([text, count]) => `${count} x ${text}`).join(', ')}`
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

function placementNotes(
  { float, products, recurrent }: Placement,
  lowBits: LowBits['weights'],
  bodiesApart: boolean,
): string[] {
  const here = bodiesApart ? float.filter(({ code }) => code !== 'body') : float
  const precise = [...countsOf(products.flatMap(({ because }) => because ?? []))]
  return [
    ...(lowBits.size === 0
      ? []
      : [`${lowBits.size} weights take fewer than 8 bits in the file; their products run as those of 8 bits`]),
    ...(recurrent.length === 0 ? [] : [`${recurrent.length} x LSTM with ranges of run time`]),
    ...precise.map(([why, count]) => `${count} x 16-bit activations for a product: ${why}`),
    ...floatNotes(here),
  ]
}

function decisionsOf(placement: Placement, { weights, figures }: StaticConstants, data: string): DecisionFact[] {
  const decisions = new Map<string, DecisionFact>()
  for (const { weight, label, node, form, op, because } of placement.products) {
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
      lowering: form === 'qdq' ? 'onnx/qdq' : op === 'Conv' ? 'onnx/conv-integer' : 'onnx/matmul-integer',
      packing: 'onnx/elements',
      solver: figure.solver ?? 'search',
      corrections: figure.biasCorrected ? ['bias'] : [],
      because: {
        code: 'saturation',
        text: `integers, ${activationsOf(form, data)}${because === undefined ? '' : ` (${because})`}; ${codes}`,
      },
      shape: weight.shape,
      bytesBefore: elementCountOf(weight.shape) * 4,
      bytesAfter: elementCountOf(weight.shape) + made.scales.byteLength,
      sqnrDb: figure.sqnrDb,
    })
  }
  return [...decisions.values()]
}

function activationsOf(form: ProductForm, data: string): string {
  const found = form === 'dynamic' || form === 'dynamic-wide' ? 'ranges found at run time' : `ranges of ${data}`
  return `activations${form === 'wide' || form === 'dynamic-wide' ? ' of 16 bits in two halves' : ''} by ${found}`
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
