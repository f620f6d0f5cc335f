import { openSynthetic, type SampleSet } from '../calibration/index.ts'
import { openSamples } from '../calibration/samples.node.ts'
import type { StatePair } from '../calibration/states.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Model } from '../model/graph.ts'
import type { Inventory } from '../model/inventory.ts'
import type { Kernels } from '../model/kernels.ts'
import type { RuntimeSession, Sample } from '../model/runtime.ts'
import { type Evidence, madeUpStates, statesFacts } from './evidence.ts'
import { requireFirst } from './runs-first.ts'
import { statedInputs, statedSession } from './stated-sizes.ts'
import { type Counted, judging, someOf } from './static/sample-roles.ts'
import { overlapNote } from './statistics-overlap.ts'
import { decodeTensorProto } from './tensor-proto.ts'
import { idLimits } from './token-tables.ts'

export interface EvidenceOptions {
  /** Data to judge on: .npy, .npz, a folder of them, test_data_set_* folders, pictures, sounds, texts, a JavaScript module. */
  readonly eval?: string
  /** Used when `eval` is absent. */
  readonly calib?: string
  /** How pictures and sounds become values: a preset, keys, a `preprocessor_config.json`. */
  readonly preprocess?: string
  /** A `tokenizer.json`, for texts. */
  readonly tokenizer?: string
  /** The model's file: configurations beside it are used where nothing else is said. */
  readonly modelPath?: string
  /** Texts: join them, and cut windows of so many tokens. */
  readonly context?: number
  /** Tokens from one window to the next; default all of a window. */
  readonly stride?: number
  readonly samples?: number
  readonly skipBad?: boolean
  readonly seed?: number
  /** Something was fitted to `calib`: where it also judges, only what was held back of it does. */
  readonly fitted?: boolean
  /** SHA-256 of each sample that something was fitted to. */
  readonly fittedTo?: () => readonly string[]
  /** Samples are looked at one by one: spread ones say more than a sequence. */
  readonly apart?: boolean
  /** Leave the first run to the caller. */
  readonly unrun?: boolean
  /** Made-up samples in the place of drawn ones, where nothing is given. */
  readonly madeUp?: (session: RuntimeSession) => Promise<SampleSet | undefined>
  readonly signal?: AbortSignal
}

/** Elements of float outputs and inputs that may be held at once, in bytes. */
const HELD_BYTES = 512 << 20

/** Given data, or synthetic inputs that this float model takes. */
export async function evidenceFor(
  model: Model,
  inventory: Inventory,
  session: RuntimeSession,
  options: EvidenceOptions,
): Promise<Evidence & { readonly notes: readonly string[] }> {
  const limits = idLimits(inventory, model.graph)
  const path = options.eval ?? options.calib
  const signal = options.signal ? { signal: options.signal } : {}
  if (path !== undefined) {
    const held = options.fitted === true && options.eval === undefined
    // What is held back is of the samples that were calibrated on.
    const set = await openGiven(path, model, inventory, session, options, !held && options.apart !== true)
    const facts = statesFacts(session.inputs, model.graph.outputs, set)
    const { samples, of, unjudged } = await chosen(set, held, facts)
    const judgedOn = samples.filter((_, index) => !unjudged.has(index))
    const overlap = await overlapNote(options.fittedTo?.() ?? [], judgedOn)
    return {
      data: 'given',
      samples,
      found: set.found,
      filled: set.filled,
      ...(set.rows === undefined ? {} : { rows: set.rows }),
      ...(set.pairs === undefined ? {} : { pairs: set.pairs }),
      ...facts,
      ...(unjudged.size === 0 ? {} : { unjudged }),
      notes: [
        ...stateNotes(facts.states),
        ...set.skipped,
        ...(set.notes ?? []),
        ...set.converted,
        ...heldNotes(samples.length, of),
        ...roleNotes(options, set),
        ...(overlap === null ? [] : [overlap]),
      ],
    }
  }
  const own = await options.madeUp?.(session)
  const set =
    own ??
    (await openSynthetic(statedSession(session, model), {
      seed: options.seed ?? 0,
      ...(options.samples === undefined ? {} : { count: options.samples }),
      limits,
      ...signal,
    }))
  const samples = await take(set)
  const facts = madeUpStates(session.inputs, model.graph.outputs, set)
  const said = own ? [`judged on ${own.count} other texts that the model wrote itself`] : []
  const notes = [...said, ...heldNotes(samples.length, set.count)]
  return { data: 'synthetic', samples, found: samples.length, filled: set.filled, ...facts, notes }
}

function stateNotes(states: readonly StatePair[] = []): readonly string[] {
  if (states.length === 0) return []
  const pairs = states.map(({ input, output }) => `${input} <- ${output}`).join(', ')
  return [`judged along the sequence, each model with its own states: ${pairs}`]
}

let made: Kernels | undefined

/** For pictures alone: they are read while others are at work with theirs. */
function ownKernels(): Kernels {
  made ??= createKernelsSync()
  return made
}

/** Samples at a path as the flags about data say, checked against the inputs of this float model, which runs on the first one. `along`: states that the data give make them a sequence. */
export async function openGiven(
  path: string,
  model: Model,
  inventory: Inventory,
  session: RuntimeSession,
  options: EvidenceOptions,
  along = false,
): Promise<SampleSet> {
  const set = await openSamples(path, statedInputs(session.inputs, model), {
    ...(options.samples === undefined ? {} : { samples: options.samples }),
    ...(options.skipBad === undefined ? {} : { skipBad: options.skipBad }),
    ...(options.preprocess === undefined ? {} : { preprocess: options.preprocess }),
    ...(options.tokenizer === undefined ? {} : { tokenizer: options.tokenizer }),
    ...(options.context === undefined ? {} : { context: options.context }),
    ...(options.stride === undefined ? {} : { stride: options.stride }),
    ...(options.modelPath === undefined ? {} : { modelPath: options.modelPath }),
    ...(options.signal ? { signal: options.signal } : {}),
    limits: idLimits(inventory, model.graph),
    decodeTensor: decodeTensorProto,
    kernels: ownKernels,
    outputs: model.graph.outputs.map((output) => output.name),
    states: model.graph.outputs,
    along,
  })
  if (options.unrun !== true) await requireFirst(set, session)
  return set
}

function heldNotes(held: number, count: number): readonly string[] {
  return held < count
    ? [`${held} of ${count} samples were run: more would not fit the ${HELD_BYTES >> 20} MiB kept for them`]
    : []
}

/** What became of data that the user gave for a purpose this run has no use for. */
function roleNotes({ eval: given, calib, fitted }: EvidenceOptions, set: Counted): readonly string[] {
  if (calib === undefined) return []
  if (fitted === true && given !== undefined) return []
  if (fitted === true) {
    return judging(set).length === set.count
      ? ['judged on --calib itself: too few samples to hold some back; add --eval']
      : [`judged on ${judging(set).length} of the ${set.count} samples of --calib, which were held back from it`]
  }
  return given === undefined
    ? ['judged on --calib: nothing is fitted to data here, so none of it has to be held back']
    : ['--calib was not used: nothing is fitted to data here']
}

/** What is run, out of how many, and what of it is not judged: states come through all of a sequence, also where only parts of it are judged. */
async function chosen(set: SampleSet, held: boolean, { states, given }: Pick<Evidence, 'states' | 'given'>) {
  const unjudged = new Set<number>()
  if (!held) return { samples: await take(set), of: set.count, unjudged }
  const judged = judging(set)
  if (states !== undefined || given !== undefined) {
    const samples = await take(set)
    // Where not all of it can be held, what is judged comes before where its states come from.
    if (states !== undefined || samples.length === set.count) {
      for (const index of samples.keys()) if (!judged.includes(index)) unjudged.add(index)
      return { samples, of: set.count, unjudged }
    }
  }
  return { samples: await take(someOf(set, judged)), of: judged.length, unjudged }
}

async function take(set: SampleSet): Promise<Sample[]> {
  const samples: Sample[] = []
  let held = 0
  for (let i = 0; i < set.count && held < HELD_BYTES; i++) {
    const sample = await set.at(i)
    samples.push(sample)
    for (const value of Object.values(sample.feeds)) held += value.data instanceof Uint8Array ? value.data.length : 0
  }
  return samples
}
