import type { ReadSmall } from '../../graph/constant-nodes.ts'
import { absorbBiases, type ChannelStatistics } from '../../graph/rewrites/absorb-bias.ts'
import { balanceChannels } from '../../graph/rewrites/balance.ts'
import { relaxClips, type ValueRange } from '../../graph/rewrites/clips.ts'
import { equalize } from '../../graph/rewrites/equalize.ts'
import { keepConstantNames } from '../../graph/rewrites/keep-names.ts'
import type { RewriteNote, RewrittenModel } from '../../graph/rewrites/rewrite-note.ts'
import { type ChannelRanges, splitChannels } from '../../graph/rewrites/split-channels.ts'
import type { Model } from '../../model/graph.ts'
import type { Statistics, ValueStatistics } from '../../model/statistics.ts'
import { scaledStatistics, shiftedStatistics } from './scaled-statistics.ts'

/**
 * Changes before static quantization, in the order in which they are made. `clips`: bounds that cut nothing go. `balance`: channels
 * get ranges that suit shared grids, from statistics. `weights`: equalization across layers by weights alone. `absorb`: high
 * biases move on. `split`: channels that alone set a range are computed in two halves. `balance` and `weights` do the same thing by different means; asked for both, `balance` goes first.
 */
export const TRANSFORMS = ['clips', 'balance', 'weights', 'absorb', 'split'] as const
export type StaticTransform = (typeof TRANSFORMS)[number]

export interface TransformedModel extends RewrittenModel {
  /** Ranges and channel sums are those of the new model. */
  readonly statistics: Statistics
  /** Values whose spread is not known any more: their histograms are empty until they are collected again. */
  readonly stale: readonly string[]
}

export interface TransformOptions {
  /** Values that are rounded to grids; default all that statistics are of. */
  readonly rounded?: ReadonlySet<string>
}

/**
 * The function-preserving changes that `wanted` names, made from statistics of the model. Names of values and weights stay what they were. No
 * runtime is needed; `proveRewrite` shows that the function stayed the same.
 */
export async function staticTransforms(
  model: Model,
  statistics: Statistics,
  read: ReadSmall,
  wanted: ReadonlySet<StaticTransform>,
  options: TransformOptions = {},
): Promise<TransformedModel> {
  const state = new Transforming(model, statistics)
  for (const transform of TRANSFORMS) if (wanted.has(transform)) await state.apply(transform, read, options)
  return state.result()
}

class Transforming {
  readonly #given: Model
  #model: Model
  #statistics: Statistics
  readonly #done: RewriteNote[] = []
  readonly #left: RewriteNote[] = []
  readonly #stale = new Set<string>()

  constructor(model: Model, statistics: Statistics) {
    this.#given = model
    this.#model = model
    this.#statistics = statistics
  }

  async apply(transform: StaticTransform, read: ReadSmall, options: TransformOptions): Promise<void> {
    switch (transform) {
      case 'clips':
        return this.#take(await relaxClips(this.#model, read, rangesOf(this.#statistics)))
      case 'balance':
      case 'weights': {
        const result =
          transform === 'weights'
            ? await equalize(this.#model, read)
            : await balanceChannels(this.#model, read, this.#statistics, options)
        this.#take(result)
        for (const [name, scales] of result.scales) this.#change(name, (value) => scaledStatistics(value, scales))
        return
      }
      case 'absorb': {
        const result = await absorbBiases(this.#model, read, channelsOf(this.#statistics))
        this.#take(result)
        for (const [name, shift] of result.shifts) this.#change(name, (value) => shiftedStatistics(value, shift))
        return
      }
      case 'split': {
        const result = await splitChannels(this.#model, read, channelRangesOf(this.#statistics))
        this.#take(result)
        for (const name of result.widened) this.#change(name, () => null)
      }
    }
  }

  result(): TransformedModel {
    return {
      model: keepConstantNames(this.#given, this.#model),
      statistics: this.#statistics,
      done: this.#done,
      left: this.#left,
      stale: [...this.#stale],
    }
  }

  #take({ model, done, left }: RewrittenModel): void {
    this.#model = model
    this.#done.push(...done)
    this.#left.push(...left)
  }

  #change(name: string, by: (value: ValueStatistics) => ValueStatistics | null): void {
    const known = this.#statistics.values.get(name)
    if (known === undefined) return
    const changed = by(known)
    const values = new Map(this.#statistics.values)
    if (changed === null) values.delete(name)
    else values.set(name, changed)
    this.#statistics = { ...this.#statistics, values }
    this.#stale.add(name)
  }
}

function rangesOf({ values }: Statistics): ReadonlyMap<string, ValueRange> {
  return new Map([...values].map(([name, { min, max }]) => [name, { least: min, most: max }]))
}

function channelRangesOf({ values }: Statistics): ReadonlyMap<string, ChannelRanges> {
  const found = new Map<string, ChannelRanges>()
  for (const [name, { channels }] of values) {
    if (channels?.axis === 1 && channels.count > 0) found.set(name, { least: channels.min, most: channels.max })
  }
  return found
}

/** What each channel is never below; only where channels are on axis 1. */
function channelsOf({ values }: Statistics): ReadonlyMap<string, ChannelStatistics> {
  const found = new Map<string, ChannelStatistics>()
  for (const [name, { channels }] of values) {
    if (channels === undefined || channels.axis !== 1 || channels.count === 0) continue
    const mean = channels.sum.map((sum) => sum / channels.count)
    found.set(name, { mean, least: Float64Array.from(channels.min) })
  }
  return found
}
