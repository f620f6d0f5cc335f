import type { SampleSet } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import { inlineFunctions, nameOwners } from '../../graph/bodies/index.ts'
import {
  type ConstantFacts,
  emulateHalf,
  keyOf,
  narrow,
  nodeKey,
  ownNames,
  risksOf,
  safeMasks,
  type ValueRange,
} from '../../graph/half/index.ts'
import { opsetOf, takeInventory } from '../../graph/index.ts'
import { raiseOpset } from '../../graph/rewrites/raise-opset/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Reason } from '../../model/plan.ts'
import type { Target } from '../../model/target.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import type { LoweredWeight } from '../lower.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { readSmall } from '../tensor-bytes.ts'
import { constantFacts } from './constant-facts.ts'
import { type HalfPlan, halfPlanOf, wishOf } from './half-plan.ts'
import { keptByRules } from './kept-by-rules.ts'

/** Data to find ranges on, and the means to run the float model. */
export interface RangeInputs {
  readonly sessions: ModelSessions
  samples(): Promise<SampleSet>
  /** The samples are made up. */
  readonly synthetic: boolean
}

export interface HalfStage {
  /** The float model that is to be narrowed: functions written out, masks that f16 holds. */
  readonly prepared: Prepared
  /** With the plan, and without the rules that have done their work. */
  readonly ask: Ask
  readonly points: readonly HalfPoint[]
  readonly notes: readonly string[]
}

/** A node that goes on computing in f32. */
export interface HalfPoint extends Readonly<Record<string, unknown>> {
  readonly value: string
  readonly scheme: 'f32'
  readonly op: string
  readonly node: string
  readonly because: Reason
}

export const SYNTHETIC_SAMPLES = 8
/** Other inputs than those the proof draws. */
export const syntheticSeed = (seed: number): number => (seed + 0x16f) >>> 0

/** Opsets below have no Where, and broadcast in a way of their own. */
const LEAST_OPSET = 9
const RAISED_OPSET = 13

/**
 * Before an fp16 model is planned: functions written out, constants beyond f16 made safe, ranges of all values taken on data, and the nodes
 * chosen that stay f32. Without `inputs` nodes are bounded by their kind.
 */
export async function halfStage(
  prepared: Prepared,
  ask: Ask,
  doors: HalfPlan['doors'],
  inputs: RangeInputs | null,
  tools: Tools,
  phases: Phases,
): Promise<HalfStage> {
  const notes: string[] = []
  const { model, facts } = await phases.time('constants', () => ready(prepared.model, tools, notes))
  const ranges = inputs === null ? null : await phases.time('ranges', () => measured(model, inputs, tools, notes))
  if (ranges === null) notes.push('no data were run: what can leave the range of f16 by its kind stays f32')
  const found = risksOf(
    model,
    (key) => ranges?.get(key),
    (definition) => facts.get(keyOf(definition)),
  )
  const inventory = model === prepared.model ? prepared.inventory : await takeInventory(model, readSmall)
  const ruled = keptByRules(model, inventory, ask.rules)
  const risks = { ...found, nodes: new Map([...found.nodes, ...ruled.nodes]) }
  const { plan, layout } = halfPlanOf(model, risks, doors, facts)
  const points: HalfPoint[] = []
  for (const scope of layout.connections.scopes) {
    for (const node of scope.nodes) {
      const key = nodeKey(scope, node) ?? ''
      const because = plan.nodes.get(key)
      if (because === undefined || layout.isHalf(node)) continue
      points.push({ value: key, scheme: 'f32', op: node.op, node: node.name, because })
    }
  }
  notes.push(...rangeNotes(ranges, inputs?.synthetic ?? false))
  return {
    prepared: { ...prepared, model, inventory },
    ask: { ...ask, target: withHalfScales(ask.target), rules: ruled.rules, half: plan },
    points,
    notes,
  }
}

/** Scales of f16 are read as they are by what computes in f16: no Cast is in front of them. */
function withHalfScales(target: Target): Target {
  const { matmulNBits } = target
  return matmulNBits === null ? target : { ...target, matmulNBits: { ...matmulNBits, halfScalesBehindCast: true } }
}

/** Functions written out, an opset that f16 is at home in, masks made safe; and what is known of the constants. */
async function ready(
  given: Model,
  tools: Tools,
  notes: string[],
): Promise<{ readonly model: Model; readonly facts: ReadonlyMap<string, ConstantFacts> }> {
  const inlined = inlineFunctions(given)
  for (const { text } of inlined.left) notes.push(`${text}; it stays as it is`)
  let model = nameOwners(inlined.model)
  if ((opsetOf(model) ?? 0) < LEAST_OPSET) {
    const raised = await raiseOpset(model, RAISED_OPSET, readSmall)
    if ('model' in raised) {
      notes.push(`opset raised from ${opsetOf(model)} to ${RAISED_OPSET}: older operators know little of f16`)
      model = raised.model
    }
  }
  const facts = await constantFacts(model, tools)
  const masks = await safeMasks(model, readSmall, (definition) => (facts.get(keyOf(definition))?.largest ?? 0) > 65504)
  if (masks.done.length > 0) {
    notes.push(`${masks.done.length} constants beyond f16 were made safe: masks become -8192, bounds 65504`)
  }
  return { model: masks.model, facts: await constantFacts(masks.model, tools, facts) }
}

async function measured(
  model: Model,
  inputs: RangeInputs,
  tools: Tools,
  notes: string[],
): Promise<ReadonlyMap<string, ValueRange> | null> {
  try {
    const { valueRanges } = await import('./value-ranges.ts')
    return await valueRanges(model, await inputs.samples(), inputs.sessions, tools)
  } catch (thrown) {
    const isRuntime = thrown instanceof TersorError && thrown.code === 'E_RUNTIME'
    if (!isRuntime || tools.signal?.aborted || !inputs.synthetic) throw thrown
    notes.push(`ranges could not be taken: ${thrown.message}`)
    return null
  } finally {
    await inputs.sessions.close()
  }
}

function rangeNotes(ranges: ReadonlyMap<string, ValueRange> | null, synthetic: boolean): readonly string[] {
  if (ranges === null) return []
  const all = [...ranges.values()]
  const over = all.filter(({ largest }) => largest > 65504).length
  const under = all.filter(({ lost }) => lost > 0).length
  const on = synthetic ? 'synthetic inputs' : 'the data'
  const notes = [
    `of ${all.length} values seen on ${on}, ${over} leave the range of f16 and ${under} have parts that f16 makes 0`,
  ]
  if (synthetic) notes.push('ranges come from synthetic inputs: give --calib before you use this file')
  return notes
}

/** The model with weights in place, computing in f16. */
export function applyHalf(model: Model, plan: HalfPlan): Promise<Model> {
  return narrow(model, wishOf(plan), readSmall)
}

/** The float emulation: every result rounded to f16, nothing wider in between. */
export async function emulatedHalf(model: Model, plan: HalfPlan): Promise<Model> {
  return emulateHalf(await applyHalf(model, plan))
}

/** Constants that are read in f16 as they are keep the names they had. */
export function withOwnNames(
  model: Model,
  weights: readonly LoweredWeight[],
): { readonly model: Model; readonly weights: readonly LoweredWeight[] } {
  const wanted = new Map<string, string>()
  for (const { work, tensors } of weights) {
    const [tensor] = tensors
    if (work.spec.family === 'half' && tensor !== undefined) wanted.set(tensor.name, work.weight.name)
  }
  const named = ownNames(model, (_scope, name) => wanted.get(name))
  return {
    model: named.model,
    weights: weights.map(({ work, tensors }) => ({
      work,
      tensors: tensors.map((tensor) => ({ ...tensor, name: named.renamed.get(tensor.name) ?? tensor.name })),
    })),
  }
}
