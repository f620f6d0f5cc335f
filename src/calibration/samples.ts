import { asTersorError, type TersorError } from '../errors.ts'
import type { Sample, SessionInput } from '../model/runtime.ts'
import type { SampleItem } from './arrays-samples.ts'
import { checkSample, type InputLimits } from './check-sample.ts'
import { fillInputs, fillRule } from './fill.ts'
import type { SampleSet } from './sample-set.ts'
import { SampleWatch } from './sample-watch.ts'
import { spread } from './select.ts'

export interface SampleOptions {
  /** At most this many, evenly spread; default 128. */
  readonly samples?: number
  /** Ranges of integer inputs. */
  readonly limits?: InputLimits
  /** Leave out what is wrong, and say so, instead of refusing it. */
  readonly skipBad?: boolean
  /** Pixels go in as they are because the user says so; else such values are remarked upon. */
  readonly asBytes?: boolean
  /** What is known of the data before a sample is read. */
  readonly notes?: readonly string[]
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
  let leftOut = 0
  let selected = spread(places.length, samples).map((place) => places[place]!)
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
    filled: filledBy(items, inputs),
    converted: convertedBy(items, inputs),
    get notes() {
      return [...(options.notes ?? []), ...watch.notes()]
    },
  }
}

function refusal(error: TersorError): string {
  if (error.code === 'E_ABORTED' || error.code === 'E_INTERNAL') throw error
  return error.message
}

/** Inputs that no item gives; some items may give more than others. */
function filledBy(items: readonly SampleItem[], inputs: readonly SessionInput[]): readonly string[] {
  return inputs.flatMap((input) => {
    if (items.every(({ gives }) => gives.has(input.name))) return []
    const shaped = { '': { dtype: 'f32' as const, shape: [1, 1], data: new Uint8Array(4) } }
    const rule = fillRule(input, shaped)
    return rule === undefined ? [] : [`${input.name}: ${rule.says}`]
  })
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
