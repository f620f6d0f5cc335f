import { asTersorError, type TersorError } from '../errors.ts'
import type { Sample, SessionInput } from '../model/runtime.ts'
import type { ScoredPair } from '../model/truth.ts'
import type { SampleItem } from './arrays-samples.ts'
import { checkSample, type InputLimits } from './check-sample.ts'
import { fillInputs, fillRule } from './fill.ts'
import { roleOf } from './input-role.ts'
import type { SampleSet } from './sample-set.ts'
import { SampleWatch } from './sample-watch.ts'
import { runs, spread } from './select.ts'
import { cachePairs, type StateOutput, statePairs } from './states.ts'

export interface SampleOptions {
  /** At most this many, evenly spread, or one after the other where states go from one to the next; default 128. */
  readonly samples?: number
  /** Outputs of the model: those that continue inputs which the data do not give make samples a sequence. */
  readonly states?: readonly StateOutput[]
  /** States that the data do give choose samples one after the other, too. */
  readonly along?: boolean
  /** Ranges of integer inputs. */
  readonly limits?: InputLimits
  /** Leave out what is wrong, and say so, instead of refusing it. */
  readonly skipBad?: boolean
  /** Pixels go in as they are because the user says so; else such values are remarked upon. */
  readonly asBytes?: boolean
  /** What is known of the data before a sample is read. */
  readonly notes?: readonly string[]
  /** How texts became rows of tokens. */
  readonly rows?: string
  /** Texts by twos with a score, by position before any selection. */
  readonly pairs?: readonly ScoredPair[]
}

export const DEFAULT_SAMPLES = 128
/** Samples that are left out and named; the others are counted. */
const MOST_NAMED = 10

/**
 * Samples from items, selected, checked and completed. With `skipBad` all selected samples are read once here, so that
 * the count is right; else a bad one rejects with its label when it is asked for.
 */
export async function sampleSet(
  items: readonly SampleItem[],
  inputs: readonly SessionInput[],
  skipped: readonly string[],
  options: SampleOptions = {},
): Promise<SampleSet> {
  const { limits = new Map(), samples = DEFAULT_SAMPLES, skipBad = false, asBytes = false } = options
  const watch = new SampleWatch(inputs, asBytes)
  const places = items
    .flatMap((item) => Array.from({ length: item.count }, (_, index) => ({ item, index })))
    .map((place, position) => ({ ...place, position }))
  const left = [
    ...skipped,
    ...items.flatMap(({ label, unused }) => unused.map((what) => `${label}: ${what}, not used`)),
  ]
  const read = async ({ item, index, position }: (typeof places)[number]): Promise<Sample> => {
    const sample = { ...(await item.read(index)), index: position }
    const bindings = new Map<string, number>()
    const checked = checkSample(sample.label, sample.feeds, inputs, limits, bindings)
    watch.see(position, sample.label, checked)
    return { ...sample, feeds: fillInputs(sample.label, checked, inputs, bindings).feeds }
  }
  /** Zeros begin a sequence: a sample that has them is no later part of one. */
  const givesStates = async (place: (typeof places)[number]): Promise<boolean> => {
    const outputs = options.states ?? []
    const states = inputs.filter((input) => roleOf(input) === 'state')
    const pairs = [...statePairs(states, outputs), ...cachePairs(inputs, outputs)]
    if (pairs.length === 0) return false
    const { feeds = {} } = await place.item.read(place.index).catch(refusedAtItsTurn)
    return pairs.some(({ input }) => {
      const data = feeds[input]?.data
      return data instanceof Uint8Array && data.some((byte) => byte !== 0)
    })
  }
  let leftOut = 0
  const filled = filledBy(items, inputs)
  const sequence = statePairs(filled, options.states ?? []).length > 0
  const inRuns = sequence || (options.along === true && places.length > samples && (await givesStates(places[1]!)))
  const positions = inRuns
    ? runs(
        items.map(({ count }) => count),
        samples,
      )
    : spread(places.length, samples)
  const noted = [...(options.notes ?? []), ...sequenceNotes(inRuns, positions, places.length)]
  let selected = positions.map((place) => places[place]!)
  if (skipBad) {
    const good: typeof selected = []
    for (const place of selected) {
      try {
        await read(place)
        good.push(place)
      } catch (thrown) {
        leftOut += 1
        const said = refusal(asTersorError(thrown))
        if (leftOut <= MOST_NAMED) left.push(said)
      }
    }
    if (leftOut > 1)
      left.push(
        `${leftOut} of ${selected.length} samples were left out${leftOut > MOST_NAMED ? `, the first ${MOST_NAMED} named` : ''}`,
      )
    selected = good
  }
  return {
    count: selected.length,
    found: places.length,
    at: async (index) => read(selected[index]!),
    skipped: left,
    filled: filled.map((input) => `${input.name}: ${fillRule(input, SHAPED)?.says}`),
    ...(sequence ? { sequence } : {}),
    converted: convertedBy(items, inputs),
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    ...(options.pairs === undefined ? {} : { pairs: options.pairs }),
    get notes() {
      return [...noted, ...watch.notes()]
    },
  }
}

/** What is wrong with a sample is said, or left out, where it is asked for. */
function refusedAtItsTurn(thrown: unknown): { readonly feeds?: Sample['feeds'] } {
  refusal(asTersorError(thrown))
  return {}
}

function refusal(error: TersorError): string {
  if (error.code === 'E_ABORTED' || error.code === 'E_INTERNAL') throw error
  return error.message
}

function sequenceNotes(sequence: boolean, positions: readonly number[], found: number): readonly string[] {
  if (!sequence || positions.length === found) return []
  const runs = positions.filter((position, index) => index === 0 || position !== positions[index - 1]! + 1).length
  return [
    `states go from sample to sample: ${positions.length} of ${found} samples, ${
      runs === 1 ? 'one after the other' : `in ${runs} runs without gaps`
    }`,
  ]
}

const SHAPED = { '': { dtype: 'f32' as const, shape: [1, 1], data: new Uint8Array(4) } }

/** Inputs that no item gives and a rule fills; some items may give more than others. */
function filledBy(items: readonly SampleItem[], inputs: readonly SessionInput[]): readonly SessionInput[] {
  return inputs.filter(
    (input) => !items.every(({ gives }) => gives.has(input.name)) && fillRule(input, SHAPED) !== undefined,
  )
}

function convertedBy(items: readonly SampleItem[], inputs: readonly SessionInput[]): readonly string[] {
  const found = new Set<string>()
  for (const { gives } of items) {
    for (const { name, dtype } of inputs) {
      const from = gives.get(name)
      if (from !== undefined && from !== dtype) found.add(`${name}: ${from} -> ${dtype}`)
    }
  }
  return [...found]
}
