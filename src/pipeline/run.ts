import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { removeDead, takeInventory } from '../graph/index.ts'
import { shareDynamic } from '../graph/lowerings/index.ts'
import { shortenNames } from '../graph/rewrites/short-names.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Verdict } from '../model/report.ts'
import type { Tools } from '../model/tools.ts'
import type { Ask } from './ask.ts'
import { type Fit, withFitted } from './fitting/fitted.ts'
import type { HalfPlan } from './half/half-plan.ts'
import { keptValueNotes } from './kept-values.ts'
import { load } from './load.ts'
import { type LoweredWeight, lower } from './lower.ts'
import { measure } from './measure.ts'
import type { Phases } from './phases.ts'
import { type Plan, plan } from './plan.ts'
import { rewrite } from './rewrite.ts'
import { type Saved, type SaveOptions, save } from './save.ts'
import { share } from './share.ts'
import { withSmoothed } from './smoothing/with-smoothed.ts'
import type { Stage } from './stage.ts'
import { Table } from './table.ts'
import { readSmall } from './tensor-bytes.ts'
import { tensorKey } from './tensor-key.ts'
import { transform } from './transform.ts'

export interface RunInput {
  readonly source: ByteSource
  readonly openExternal?: (location: string) => Promise<ByteSource>
}

export interface ProveContext {
  readonly decided: Decided
  readonly saved: Saved
  readonly stage: Stage
}

/** Judges the staged result; absent: `unproven`. */
export type Prove = (context: ProveContext) => Promise<Verdict>

export interface Decided {
  readonly input: Model
  /** After rewrites: what the decisions speak about. */
  readonly model: Model
  readonly inventory: Inventory
  readonly plan: Plan
  readonly output: Model
  readonly weights: readonly LoweredWeight[]
  /** What computes in f16. */
  readonly half?: HalfPlan
  readonly warnings: readonly string[]
}

/** What does not depend on how much precision is asked for. */
export interface Prepared {
  readonly input: Model
  readonly model: Model
  readonly inventory: Inventory
  readonly table: Table
  /** What was done to weights before, or why not, by `tensorKey`: put behind the reasons of decisions. */
  readonly remarks?: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

/** load -> share -> inspect. */
export function prepare(input: RunInput, tools: Tools, phases: Phases): Promise<Prepared> {
  return stoppable(tools, () => loadAndInspect(input, tools, phases))
}

async function loadAndInspect(input: RunInput, tools: Tools, phases: Phases): Promise<Prepared> {
  const loaded = await phases.time('load', () => load(input.source, input.openExternal, tools.signal))
  tools.signal?.throwIfAborted()
  const shared = await phases.time('share', () => share(loaded.model))
  const inventory = await phases.time('inspect', () => takeInventory(shared.model, readSmall))
  return {
    input: loaded.model,
    model: shared.model,
    inventory,
    table: new Table(),
    warnings: [...loaded.warnings, ...shared.notes, ...inventory.warnings],
  }
}

/** Hears of the weights as soon as they are decided, some time before they can be written. */
export type Begin = (weights: readonly LoweredWeight[]) => void

/**
 * measure -> plan -> rewrite -> quantize (as a graph): everything that is known before a byte is written. `fit` finds codes by running the
 * model on data; weights that it says nothing of are solved by themselves while the file is written.
 */
export function decide(
  prepared: Prepared,
  ask: Ask,
  tools: Tools,
  phases: Phases,
  fit?: Fit,
  begin?: Begin,
): Promise<Decided> {
  return stoppable(tools, () => planAndLower(prepared, ask, tools, phases, fit, begin))
}

async function planAndLower(
  prepared: Prepared,
  ask: Ask,
  tools: Tools,
  phases: Phases,
  fit: Fit | undefined,
  begin: Begin | undefined,
): Promise<Decided> {
  const { inventory, table } = prepared
  await phases.time('measure', () => measure(inventory, ask, tools, table))
  const decided = await phases.time('plan', () => plan(inventory, table, ask))
  const rewritten = await phases.time('rewrite', () => rewrite(prepared.model, inventory, decided, table, ask))
  const remarked = withRemarks(rewritten.plan, prepared.remarks)
  const transformed = await phases.time('transform', () => transform(rewritten.model, remarked, tools))
  const fitting = fit && (await phases.time('fit', () => fit({ ...rewritten, plan: transformed })))
  const ready = fitting ? withFitted(withSmoothed(transformed, fitting.smoothed), fitting) : transformed
  const balanced = ready.work.some(({ inverse }) => inverse !== undefined)
    ? await phases.time('fold', async () =>
        (await import('./smoothing/fold-balances.ts')).foldBalances({ ...rewritten, plan: ready }),
      )
    : { ...rewritten, plan: ready }
  const lowered = await phases.time('lower', () => lower(balanced.model, balanced.plan, ask.target))
  // Half models get other names for what they store.
  if (!ask.half) begin?.(lowered.weights)
  // Lowerings add small constants of their own (zeros, shapes): equal ones are stored once too.
  const { half } = ask
  const computing = half
    ? await phases.time('half', async () => (await import('./half/half-stage.ts')).applyHalf(lowered.model, half))
    : lowered.model
  const lean = await share({ ...computing, graph: shareDynamic(computing.graph) })
  const plain = removeDead(lean.model)
  const named = half ? (await import('./half/half-stage.ts')).withOwnNames(plain, lowered.weights) : undefined
  const output = shortenNames(named?.model ?? plain, prepared.model)
  return {
    input: prepared.input,
    model: balanced.model,
    inventory: balanced.inventory,
    plan: balanced.plan,
    output,
    weights: named?.weights ?? lowered.weights,
    ...(half ? { half } : {}),
    warnings: [
      ...prepared.warnings,
      ...rewritten.notes,
      ...(fitting?.notes ?? []),
      ...(await keptValueNotes(rewritten.inventory, rewritten.plan, tools.kernels)),
    ],
  }
}

function withRemarks(plan: Plan, remarks: Prepared['remarks']): Plan {
  if (!remarks) return plan
  const decisions = plan.decisions.map((decision) => {
    const text = remarks.get(tensorKey(decision.tensor.scope, decision.tensor.name))
    if (text === undefined || decision.action !== 'quantize') return decision
    return { ...decision, because: { ...decision.because, text: `${decision.because.text}; ${text}` } }
  })
  return { ...plan, decisions }
}

/** Whatever an abort makes the work throw, the caller gets E_ABORTED. */
async function stoppable<T>(tools: Tools, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw asStopped(thrown, tools.signal)
  }
}

/** E_ABORTED in the place of what an abort made the work throw; everything else as it is. */
export function asStopped(thrown: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted) return thrown
  // It may say how to go on.
  if (thrown instanceof TersorError && thrown.code === 'E_ABORTED' && thrown.hint !== undefined) return thrown
  return new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
}

export interface Finished {
  readonly decided: Decided
  readonly saved: Saved
  readonly verdict: Verdict
  readonly files: readonly string[]
  /** A relaxed ask to try next; only when the verdict is `refused`. */
  readonly next: Ask | null
}

export interface FinishOptions extends SaveOptions {
  /** Publish although refused, when there is nothing left to try. */
  readonly force: boolean
  /** Looks at a refused result while it is still staged and says what to try next. */
  readonly retry?: (context: ProveContext, verdict: Verdict) => Promise<Ask | null>
}

const SKIPPED: Verdict = {
  status: 'unproven',
  data: 'none',
  samples: 0,
  because: 'the proof was skipped',
  outputs: [],
  worst: [],
  filled: [],
}

/** save -> verify -> publish. A refused result is discarded unless `force` and nothing is left to try. */
export async function finish(
  decided: Decided,
  stage: Stage,
  options: FinishOptions,
  prove: Prove | undefined,
  tools: Tools,
  phases: Phases,
): Promise<Finished> {
  try {
    const saved = await phases.time('quantize', () => save(decided.output, decided.weights, stage, options, tools))
    const context = { decided, saved, stage }
    const verdict = prove ? await phases.time('verify', () => prove(context)) : SKIPPED
    tools.signal?.throwIfAborted()
    const next =
      verdict.status === 'refused' && options.retry
        ? await phases.time('sensitivity', () => options.retry?.(context, verdict) ?? null)
        : null
    if (next !== null || (verdict.status === 'refused' && !options.force)) {
      await stage.discard()
      return { decided, saved, verdict, files: [], next }
    }
    const files = await phases.time('publish', () => stage.publish())
    return { decided, saved, verdict, files, next: null }
  } catch (thrown) {
    await stage.discard()
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    throw thrown
  }
}
