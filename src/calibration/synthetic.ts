import { TersorError } from '../errors.ts'
import type { Feeds, RuntimeSession, SessionInput, Value } from '../model/runtime.ts'
import type { InputLimits } from './check-sample.ts'
import { filledValue, fillRule } from './fill.ts'
import type { SampleSet } from './sample-set.ts'
import { type Sizes, shapeUnder, sizeLadder } from './synthetic-sizes.ts'
import { syntheticValue } from './synthetic-values.ts'

export interface SyntheticOptions {
  /** Default 0. */
  readonly seed?: number
  /** So many, whatever their size. */
  readonly count?: number
  /** Without `count`: so many (default 8), fewer, at least 2, where one reads and gives more than a million elements. */
  readonly most?: number
  /** Ranges of integer inputs; without one, small ids are tried. */
  readonly limits?: InputLimits
  readonly signal?: AbortSignal
}

export interface SyntheticSet extends SampleSet {
  /** Sizes chosen for what the model leaves open. */
  readonly sizes: Sizes
}

/** Largest id to draw where no range is known: any table has two rows, most have a hundred. */
const ID_LADDER: readonly number[] = [99, 9, 1]

/** One set of made-up feeds: the same for the same seed and sample, whatever was asked before. */
export function syntheticFeeds(
  inputs: readonly SessionInput[],
  sizes: Sizes,
  limits: InputLimits,
  stream: { readonly seed: number; readonly sample: number },
  largestId = 99,
): { readonly feeds: Feeds; readonly filled: readonly string[] } {
  const drawn = new Map<string, Value>()
  const filled: string[] = []
  const shapes = new Map(inputs.map((input) => [input.name, shapeUnder(input, sizes)]))
  for (const input of inputs) {
    if (fillRule(input, SHAPED) !== undefined) continue
    const limit = limits.get(input.name) ?? { min: 0, max: largestId }
    drawn.set(input.name, syntheticValue(input, shapes.get(input.name)!, limit, stream))
  }
  const given = Object.fromEntries(drawn)
  const feeds = inputs.map((input): [string, Value] => {
    const value = drawn.get(input.name)
    if (value !== undefined) return [input.name, value]
    const rule = fillRule(input, given) ?? { says: 'ones', at: () => 1 }
    filled.push(`${input.name}: ${rule.says}`)
    return [input.name, filledValue(input, shapes.get(input.name)!, rule)]
  })
  return { feeds: Object.fromEntries(feeds), filled }
}

/** Stands for "some input has a length", so that every rule shows. */
const SHAPED: Feeds = { '': { dtype: 'f32', shape: [1, 1], data: new Uint8Array(4) } }

/**
 * Made-up samples that this model takes: sizes it leaves open are tried until a run succeeds (give the *float* model's session).
 * E_RUNTIME with the executor's first and last words when none does.
 */
export async function openSynthetic(session: RuntimeSession, options: SyntheticOptions = {}): Promise<SyntheticSet> {
  const { seed = 0, most = 8, limits = new Map(), signal } = options
  const { inputs } = session
  let first: TersorError | undefined
  let last: TersorError | undefined
  for (const { sizes, largestId } of attemptsFor(inputs, limits)) {
    const { feeds, filled } = syntheticFeeds(inputs, sizes, limits, { seed, sample: 0 }, largestId)
    let count = options.count
    try {
      const outputs = await session.run(feeds, signal)
      if (Object.values(outputs).every(({ shape }) => shape.includes(0))) {
        throw new TersorError('E_RUNTIME', 'every output is empty')
      }
      count ??= countFor(most, elementsOf(feeds) + elementsOf(outputs))
    } catch (thrown) {
      if (!(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
      first ??= thrown
      last = thrown
      continue
    }
    return {
      count,
      found: count,
      sizes,
      filled,
      skipped: [],
      converted: [],
      at: async (sample) => ({
        label: `synthetic ${sample}`,
        feeds: syntheticFeeds(inputs, sizes, limits, { seed, sample }, largestId).feeds,
      }),
    }
  }
  const said = first === last ? first?.message : `${first?.message}; at last: ${last?.message}`
  throw new TersorError('E_RUNTIME', `the float model runs on no made-up input: ${said}`, {
    hint: 'give data with --calib',
    cause: first,
  })
}

const FEWEST = 2
const LARGE_ELEMENTS = 1_000_000

/** A large picture says as much as several small ones, and takes as long. */
function countFor(most: number, elements: number): number {
  return Math.max(FEWEST, Math.min(most, Math.floor((most * LARGE_ELEMENTS) / elements)))
}

function elementsOf(feeds: Feeds): number {
  return Object.values(feeds).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

/** Sizes first with the usual ids; then smaller ids, for tables of few rows. */
function attemptsFor(inputs: readonly SessionInput[], limits: InputLimits): { sizes: Sizes; largestId: number }[] {
  const ladder = sizeLadder(inputs)
  const open = inputs.some(({ name, dtype }) => dtype !== 'f32' && !limits.has(name))
  const [usual, ...rest] = ladder
  const [largest, ...smaller] = ID_LADDER
  const attempts = [{ sizes: usual!, largestId: largest! }]
  if (open) attempts.push(...smaller.map((largestId) => ({ sizes: usual!, largestId })))
  attempts.push(...rest.map((sizes) => ({ sizes, largestId: largest! })))
  if (open) attempts.push(...rest.map((sizes) => ({ sizes, largestId: smaller.at(-1)! })))
  return attempts
}
