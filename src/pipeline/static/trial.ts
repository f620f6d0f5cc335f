import { floatsOf } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import type { ActivationGrid } from '../../model/activation.ts'
import type { Feeds, RuntimeSession, Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { type Switchboard, type SwitchboardInputs, switchboardOf, switches } from './switchboard.ts'

/** |changed - float|^2 / |float|^2 of every float output, over the samples of a trial. */
export type OutputNoise = ReadonlyMap<string, number>

/** Runs a switchboard: what each rounding alone, or some together, do to the outputs. */
export class Trial {
  readonly board: Switchboard
  readonly #session: RuntimeSession
  readonly #samples: readonly Sample[]
  readonly #plain: readonly Feeds[]
  readonly #grids: ReadonlyMap<string, ActivationGrid>
  readonly #tools: Tools
  /** Runs of the graph so far. */
  runs = 0

  /** Runs the float model over `count` samples, evenly spread. */
  static async open(
    inputs: SwitchboardInputs,
    samples: SampleSet,
    count: number,
    sessions: ModelSessions,
    tools: Tools,
  ): Promise<Trial> {
    const board = switchboardOf(inputs)
    const session = await sessions.session('switchboard', () => board.model)
    const used = Math.min(count, samples.count)
    const taken: Sample[] = []
    for (let i = 0; i < used; i++) taken.push(await samples.at(Math.floor(((i + 0.5) * samples.count) / used)))
    const off = switches(board, inputs.grids, { group: () => false, weight: () => false })
    const plain: Feeds[] = []
    for (const { feeds } of taken) plain.push(await session.run({ ...feeds, ...off }, tools.signal))
    return new Trial(board, session, taken, plain, inputs.grids, tools)
  }

  private constructor(
    board: Switchboard,
    session: RuntimeSession,
    samples: readonly Sample[],
    plain: readonly Feeds[],
    grids: ReadonlyMap<string, ActivationGrid>,
    tools: Tools,
  ) {
    this.board = board
    this.#session = session
    this.#samples = samples
    this.#plain = plain
    this.#grids = grids
    this.#tools = tools
    this.runs = samples.length
  }

  /** Noise with one group of activations rounded to `grid`, or to its own. */
  group(name: string, grid?: ActivationGrid): Promise<OutputNoise> {
    const grids = grid === undefined ? this.#grids : new Map([...this.#grids, [name, grid]])
    return this.#noise(grids, { group: (one) => one === name, weight: () => false })
  }

  /** Noise with one weight rounded. */
  weight(name: string): Promise<OutputNoise> {
    return this.#noise(this.#grids, { group: () => false, weight: (one) => one === name })
  }

  /** Noise with everything rounded. */
  all(grids: ReadonlyMap<string, ActivationGrid> = this.#grids): Promise<OutputNoise> {
    return this.#noise(grids, { group: () => true, weight: () => true })
  }

  async #noise(
    grids: ReadonlyMap<string, ActivationGrid>,
    isOn: { group(name: string): boolean; weight(name: string): boolean },
  ): Promise<OutputNoise> {
    const on = switches(this.board, grids, isOn)
    const sums = new Map<string, { noise: number; energy: number }>()
    for (const [at, { feeds }] of this.#samples.entries()) {
      this.runs += 1
      addNoise(sums, this.#plain[at] as Feeds, await this.#session.run({ ...feeds, ...on }, this.#tools.signal))
    }
    return new Map([...sums].map(([name, { noise, energy }]) => [name, ratio(noise, energy)]))
  }
}

/** The largest of all outputs: no output may be ruined for the sake of another. */
export function worstOf(noise: OutputNoise): number {
  return [...noise.values()].reduce((most, one) => Math.max(most, one), 0)
}

/** Noise beyond any use; also where values are not finite. */
const RUINED = 1e6

function ratio(noise: number, energy: number): number {
  if (noise === 0) return 0
  return Number.isFinite(noise) && energy > 0 ? Math.min(RUINED, noise / energy) : RUINED
}

function addNoise(sums: Map<string, { noise: number; energy: number }>, float: Feeds, changed: Feeds): void {
  for (const [name, value] of Object.entries(float)) {
    const other = Object.hasOwn(changed, name) ? changed[name] : undefined
    if (other === undefined || other.dtype !== value.dtype || !isFloat(value.dtype)) continue
    const [a, b] = [floatsOf(value), floatsOf(other)]
    if (a.length !== b.length) continue
    const sum = sums.get(name) ?? { noise: 0, energy: 0 }
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number
      const difference = (b[i] as number) - x
      sum.noise += difference * difference
      sum.energy += x * x
    }
    sums.set(name, sum)
  }
}

function isFloat(dtype: string): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'f64'
}
