import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { removeDead } from '../graph/index.ts'
import { takeInventory } from '../graph/index.ts'
import { shareDynamic } from '../graph/lowerings/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Verdict } from '../model/report.ts'
import type { Tools } from '../model/tools.ts'
import type { Ask } from './ask.ts'
import { load } from './load.ts'
import { lower, type LoweredWeight } from './lower.ts'
import { measure } from './measure.ts'
import { Phases } from './phases.ts'
import { plan, type Plan } from './plan.ts'
import { rewrite } from './rewrite.ts'
import { save, type Saved, type SaveOptions } from './save.ts'
import { share } from './share.ts'
import type { Stage } from './stage.ts'
import { readSmall } from './tensor-bytes.ts'

export interface RunInput {
  readonly source: ByteSource
  readonly openExternal?: (location: string) => Promise<ByteSource>
}

/** Judges the staged result; absent: `unproven`. */
export type Prove = (context: { readonly decided: Decided; readonly saved: Saved; readonly stage: Stage }) => Promise<Verdict>

export interface Decided {
  readonly input: Model
  /** After rewrites: what the decisions speak about. */
  readonly model: Model
  readonly inventory: Inventory
  readonly plan: Plan
  readonly output: Model
  readonly weights: readonly LoweredWeight[]
  readonly warnings: readonly string[]
}

/** load -> inspect -> measure -> plan -> rewrite -> quantize (as a graph): everything that is known before a byte is written. */
export async function decide(input: RunInput, ask: Ask, tools: Tools, phases: Phases): Promise<Decided> {
  const loaded = await phases.time('load', () => load(input.source, input.openExternal, tools.signal))
  tools.signal?.throwIfAborted()
  const shared = await phases.time('share', () => share(loaded.model))
  const inventory = await phases.time('inspect', () => takeInventory(shared.model, readSmall))
  const table = await phases.time('measure', () => measure(inventory, ask, tools))
  const decided = await phases.time('plan', () => plan(inventory, table, ask))
  const rewritten = await phases.time('rewrite', () => rewrite(shared.model, inventory, decided, table, ask))
  const lowered = await phases.time('lower', () => lower(rewritten.model, rewritten.plan, ask.target))
  // Lowerings add small constants of their own (zeros, shapes): equal ones are stored once too.
  const lean = await share({ ...lowered.model, graph: shareDynamic(lowered.model.graph) })
  const output = removeDead(lean.model)
  return {
    input: loaded.model,
    model: rewritten.model,
    inventory: rewritten.inventory,
    plan: rewritten.plan,
    output,
    weights: lowered.weights,
    warnings: [...loaded.warnings, ...shared.notes, ...rewritten.inventory.warnings, ...rewritten.notes],
  }
}

export interface Finished {
  readonly decided: Decided
  readonly saved: Saved
  readonly verdict: Verdict
  readonly files: readonly string[]
}

/** quantize -> save -> verify -> publish. A refused result is discarded unless `force`. */
export async function finish(
  decided: Decided,
  stage: Stage,
  options: SaveOptions & { readonly force: boolean },
  prove: Prove | undefined,
  tools: Tools,
  phases: Phases,
): Promise<Finished> {
  try {
    const saved = await phases.time('quantize', () => save(decided.output, decided.weights, stage, options, tools))
    const verdict = prove
      ? await phases.time('verify', () => prove({ decided, saved, stage }))
      : ({ status: 'unproven', data: 'none', samples: 0, because: 'the proof was skipped', outputs: [], worst: [], filled: [] } satisfies Verdict)
    tools.signal?.throwIfAborted()
    if (verdict.status === 'refused' && !options.force) {
      await stage.discard()
      return { decided, saved, verdict, files: [] }
    }
    const files = await phases.time('publish', () => stage.publish())
    return { decided, saved, verdict, files }
  } catch (thrown) {
    await stage.discard()
    if (tools.signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user', { cause: thrown })
    throw thrown
  }
}
