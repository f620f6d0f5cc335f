import { floatsOf } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, Runtime, RuntimeSession, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { UnitData } from '../../solvers/learned-rounding/index.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { tappedModel } from '../tapped-model.ts'
import type { Chain } from './learn-chains.ts'
import { joined, type Maps, mapsOf, WindowPlan } from './learn-windows.ts'
import type { RoundedModel } from './rounded-model.ts'

/** What a chain met: the float model's values and the rounded one's, at the same places. */
export interface ChainData {
  readonly plan: WindowPlan
  readonly float: UnitData
  readonly rounded: UnitData
}

export interface WindowsAsked {
  readonly samples: SampleSet
  /** Indices into `samples`. */
  readonly chosen: readonly number[]
  /** Height and width of a window of the result. */
  readonly tile: number
  /** Places of the result in all, about. */
  readonly positions: number
  readonly seed: number
}

/** Windows of the float model's values for one chain, by sample. */
export interface FloatWindows {
  readonly plan: WindowPlan
  /** How many windows each sample gives. */
  readonly count: number
  /** By index of the sample. */
  readonly parts: ReadonlyMap<number, UnitData>
}

/** Runs two models over the same samples and cuts windows out of the values that chains read. */
export class ChainSamples {
  readonly #sessions: TapSessions
  readonly #tools: Tools
  #opened = 0

  constructor(runtime: Runtime, tools: Tools, folder?: string) {
    this.#sessions = folder === undefined ? new TapSessions(runtime, tools) : new TapSessions(runtime, tools, folder)
    this.#tools = tools
  }

  /** What the float model has for each of some chains, which does not depend on codes: all in one run. Null where ranks do not fit. */
  async floatOf(
    chains: readonly Chain[],
    float: Model,
    asked: WindowsAsked,
  ): Promise<readonly (FloatWindows | null)[]> {
    const names = chains.map(({ input, added }) => [input, ...added])
    const session = await this.#tap(float, names.flat())
    const plans = new Map<Chain, { readonly plan: WindowPlan; readonly count: number }>()
    const parts = chains.map(() => new Map<number, UnitData>())
    for (const index of asked.chosen) {
      this.#tools.signal?.throwIfAborted()
      const { feeds } = await asked.samples.at(index)
      const results = session === null ? {} : await session.run(feeds, this.#tools.signal)
      for (const [at, chain] of chains.entries()) {
        const maps = mapsIn(results, feeds, names[at] ?? [], chain)
        if (maps === null) continue
        const { plan, count } = plans.get(chain) ?? planOf(chain, maps.input, asked)
        plans.set(chain, { plan, count })
        const windows = plan.windows(maps, count, asked.seed + index)
        if (windows !== null) parts[at]?.set(index, windows)
      }
    }
    await this.#sessions.keepOnly(new Set())
    return chains.map((chain, at) => {
      const found = plans.get(chain)
      return found === undefined ? null : { ...found, parts: parts[at] as Map<number, UnitData> }
    })
  }

  /** The same windows of the model as it is rounded so far; null where no sample has values of a fitting rank and size. */
  async windowsOf(
    chain: Chain,
    exact: FloatWindows,
    rounded: RoundedModel,
    asked: WindowsAsked,
  ): Promise<ChainData | null> {
    const names = [rounded.readAs.get(chain.input) ?? chain.input, ...chain.added]
    const session = await this.#tap(rounded.model, names)
    const parts: { float: UnitData[]; rounded: UnitData[] } = { float: [], rounded: [] }
    for (const [index, float] of exact.parts) {
      this.#tools.signal?.throwIfAborted()
      const { feeds } = await asked.samples.at(index)
      const results = session === null ? {} : await session.run(feeds, this.#tools.signal)
      const maps = mapsIn(results, feeds, names, chain)
      const windows = maps && exact.plan.windows(maps, exact.count, asked.seed + index)
      if (windows === null) continue
      parts.float.push(float)
      parts.rounded.push(windows)
    }
    await this.#sessions.keepOnly(new Set())
    if (parts.float.length === 0) return null
    return { plan: exact.plan, float: joined(parts.float), rounded: joined(parts.rounded) }
  }

  close(): Promise<void> {
    return this.#sessions.close()
  }

  async #tap(model: Model, names: readonly string[]): Promise<RuntimeSession | null> {
    const given = new Set(model.graph.inputs.map(({ name }) => name))
    const made = [...new Set(names.filter((name) => !given.has(name)))]
    if (made.length === 0) return null
    this.#opened += 1
    return this.#sessions.session(`${this.#opened}`, () => tappedModel(model, made))
  }
}

function planOf(chain: Chain, input: Maps, { tile, positions, chosen }: WindowsAsked) {
  const plan = new WindowPlan(chain, input.height, input.width, tile)
  const [height, width] = plan.sizes.at(-1) as readonly [number, number]
  const wanted = Math.ceil(positions / (chosen.length * height * width))
  return { plan, count: Math.max(1, Math.min(wanted, plan.distinct(input))) }
}

function mapsIn(
  results: Readonly<Record<string, Value>>,
  feeds: Feeds,
  names: readonly string[],
  chain: Chain,
): { readonly input: Maps; readonly added: readonly Maps[] } | null {
  const maps = names.map((name) => mapOf(results[name] ?? feeds[name], name, chain))
  const [input, ...added] = maps
  if (input === undefined || input === null || added.includes(null)) return null
  return { input, added: added as Maps[] }
}

function mapOf(value: Value | undefined, name: string, { layout }: Chain): Maps | null {
  if (value === undefined) throw new TersorError('E_INTERNAL', `no value is called "${name}"`, { where: name })
  return mapsOf(layout, asSingles(floatsOf(value)), value.shape)
}
