import { takeInventory } from '../../graph/index.ts'
import { placeActivations } from '../../graph/placement/index.ts'
import { narrowIntegers } from '../../graph/rewrites/narrow-integers.ts'
import type { Ask } from '../ask.ts'
import type { Phases } from '../phases.ts'
import type { Prepared } from '../run.ts'
import { readSmall } from '../tensor-bytes.ts'
import { type IntegerShare, type SharePart, shareNotes } from './integer-share.ts'
import { inQOperators } from './qoperator-form.ts'
import type { StaticBodies } from './static-bodies.ts'
import type { StaticReady, StaticStage } from './static-model.ts'

/**
 * The stage of a whole model: the main graph (or null where it stays float), its bodies put in, and tables of integers in
 * narrower types. `share`: what runs in integers, null where that is not known.
 */
export async function wholeStage(
  main: StaticStage | null,
  bodies: StaticBodies,
  prepared: Prepared,
  ready: StaticReady,
  ask: Ask,
  phases: Phases,
  share: (parts: readonly [SharePart, ...SharePart[]]) => Promise<IntegerShare | null>,
): Promise<StaticStage> {
  const made = main ?? (await floatMain(prepared, ready, ask))
  const whole = await bodies.into(made)
  const { placement } = made.parts
  const known = await share([{ path: [], placement }, ...(await bodies.shareParts())])
  const { model, bytesSaved } = await narrowIntegers(whole.prepared.model, readSmall)
  const saved = bytesSaved > 0 ? [`tables of integers take ${bytesSaved} bytes less in narrower types`] : []
  const stage = {
    ...whole,
    prepared:
      model === whole.prepared.model
        ? whole.prepared
        : { ...whole.prepared, model, inventory: await takeInventory(model, readSmall) },
    notes: [...whole.notes, ...(known ? shareNotes(known) : []), ...saved],
  }
  return ask.qoperators ? inQOperators(stage, phases) : stage
}

/** A main graph without anything to run in integers. */
async function floatMain(prepared: Prepared, { model, keep, notes }: StaticReady, ask: Ask): Promise<StaticStage> {
  const placement = await placeActivations(model, ask.target, { readSmall, keep })
  const constants = { weights: new Map(), biases: new Map(), plainBiases: new Map(), figures: new Map() }
  return {
    prepared: { ...prepared, model },
    parts: { placement, grids: new Map(), constants, lowBits: new Map(), lowered: model },
    decisions: [],
    points: [],
    notes,
  }
}
