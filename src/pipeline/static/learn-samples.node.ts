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

/** Runs two models side by side and cuts windows out of the values that chains read. */
export class ChainSamples {
  readonly #sessions: TapSessions
  readonly #tools: Tools
  #opened = 0

  constructor(runtime: Runtime, tools: Tools, folder?: string) {
    this.#sessions = folder === undefined ? new TapSessions(runtime, tools) : new TapSessions(runtime, tools, folder)
    this.#tools = tools
  }

  /** Null where no sample has values of a fitting rank and size. */
  async windowsOf(chain: Chain, float: Model, rounded: RoundedModel, asked: WindowsAsked): Promise<ChainData | null> {
    const names = [chain.input, ...chain.added]
    const roundedNames = [rounded.readAs.get(chain.input) ?? chain.input, ...chain.added]
    const first = await this.#tap(float, names)
    const second = await this.#tap(rounded.model, roundedNames)
    const parts: { float: UnitData[]; rounded: UnitData[] } = { float: [], rounded: [] }
    let plan: WindowPlan | undefined
    let count = 1
    for (const index of asked.chosen) {
      this.#tools.signal?.throwIfAborted()
      const { feeds } = await asked.samples.at(index)
      const exact = await this.#maps(first, feeds, names, chain)
      const given = await this.#maps(second, feeds, roundedNames, chain)
      if (exact === null || given === null) continue
      if (plan === undefined) {
        plan = new WindowPlan(chain, exact.input.height, exact.input.width, asked.tile)
        const [height, width] = plan.sizes.at(-1) as readonly [number, number]
        const wanted = Math.ceil(asked.positions / (asked.chosen.length * height * width))
        count = Math.max(1, Math.min(wanted, plan.distinct(exact.input)))
      }
      const seed = asked.seed + index
      const windows = plan.windows(exact, count, seed)
      const others = plan.windows(given, count, seed)
      if (windows === null || others === null) continue
      parts.float.push(windows)
      parts.rounded.push(others)
    }
    await this.#sessions.keepOnly(new Set())
    if (plan === undefined || parts.float.length === 0) return null
    return { plan, float: joined(parts.float), rounded: joined(parts.rounded) }
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

  async #maps(
    session: RuntimeSession | null,
    feeds: Feeds,
    names: readonly string[],
    chain: Chain,
  ): Promise<{ readonly input: Maps; readonly added: readonly Maps[] } | null> {
    const results = session === null ? {} : await session.run(feeds, this.#tools.signal)
    const maps = names.map((name) => mapOf(results[name] ?? feeds[name], name, chain))
    const [input, ...added] = maps
    if (input === undefined || input === null || added.includes(null)) return null
    return { input, added: added as Maps[] }
  }
}

function mapOf(value: Value | undefined, name: string, { layout }: Chain): Maps | null {
  if (value === undefined) throw new TersorError('E_INTERNAL', `no value is called "${name}"`, { where: name })
  return mapsOf(layout, asSingles(floatsOf(value)), value.shape)
}
