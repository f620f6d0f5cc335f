import type { SampleSet } from '../../calibration/index.ts'
import type { ActivationGrid, Placement, StaticProduct } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { StageEvent, Tools } from '../../model/tools.ts'
import type { FewBits } from '../../schemes/index.ts'
import {
  codeRange,
  type RoundedLayer,
  type SolvedUnit,
  solveUnit,
  type Unit,
} from '../../solvers/learned-rounding/index.ts'
import { turned } from '../turned.ts'
import { ConstantFloats } from './constant-floats.ts'
import { type Chain, chainsOf } from './learn-chains.ts'
import { type ChainData, ChainSamples, type FloatWindows } from './learn-samples.node.ts'
import { learningSeconds, secondsText } from './learning-time.ts'
import { roundedModel } from './rounded-model.ts'
import { searchedWeight } from './searched-weight.ts'
import { varied } from './varied-samples.ts'

/** Codes of one weight: value = scale * (code - zero) of the output, in the order of the weight. */
export interface LearnedWeight extends FewBits {
  readonly codes: Int8Array
  /** One an index of the weight's axis; may be negative. */
  readonly scales: Float32Array
  /** As scales. */
  readonly zeros: Int8Array
  /** 'adaround': learned; 'descent': coordinate descent on second moments; 'search', 'nearest': from the weight alone. */
  readonly solver: 'adaround' | 'descent' | 'search' | 'nearest'
  /** Squared error of what the layers that were rounded together give: with nearest codes, and with these. */
  readonly gain?: { readonly before: number; readonly after: number }
  /** For the product's bias, where it has one. */
  readonly bias?: Float32Array
}

export type LearnEffort = 'fast' | 'default' | 'best'

export interface LearnAsk {
  /** Float, prepared as the placement expects. */
  readonly model: Model
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  /** Width of the codes of weights that get new ones, by name. */
  readonly bits: ReadonlyMap<string, FewBits>
  readonly samples: SampleSet
  readonly runtime: Runtime
  readonly tools: Tools
  /** Floats of weights and biases that are decided already, by name: what their products compute with. */
  readonly fixed?: ReadonlyMap<string, Float32Array>
  readonly effort: LearnEffort
  /** Rounding is learned; else codes come by descent alone. Default: with best effort. */
  readonly learns?: boolean
  readonly notify?: (event: StageEvent) => void
  readonly seed?: number
  /** Instead of what the effort says. */
  readonly settings?: Partial<LearnSettings>
}

export interface LearnSettings {
  readonly samples: number
  /** Places of each chain's result. */
  readonly positions: number
  readonly tile: number
  /** Places in a batch. */
  readonly batch: number
  readonly iterations: number
  readonly rate: number
  readonly pressure: number
  /** Pulls towards the weights as they are. */
  readonly ridges: readonly number[]
  /** Parts of the error before a layer that it is to make good. */
  readonly drifts: readonly number[]
  /** Layers that are learned together. */
  readonly longest: number
  /** Times that every picture is seen, each time otherwise. */
  readonly views: number
}

const COMMON = {
  tile: 8,
  batch: 512,
  rate: 0.01,
  pressure: 30,
  ridges: [0.05, 0.4, 3],
  drifts: [1],
  longest: 3,
  views: 1,
} as const
const EFFORTS: Readonly<Record<LearnEffort, LearnSettings>> = {
  fast: { ...COMMON, samples: 32, positions: 2048, iterations: 100 },
  default: { ...COMMON, samples: 128, positions: 8192, iterations: 200 },
  best: { ...COMMON, samples: 512, positions: 16384, iterations: 200, rate: 0.02, views: 3, drifts: [1, 0.5] },
}

/** The float model is run once for so many chains: their windows are in memory together. */
const CHAINS_AT_ONCE = 6

export interface LearnResult {
  readonly weights: ReadonlyMap<string, LearnedWeight>
  /** By name of the first weight of a chain: squared error of what the chain gives. */
  readonly figures: ReadonlyMap<string, SolvedUnit['errors']>
  readonly notes: readonly string[]
}

/**
 * Codes of a few bits for weights of Conv, Gemm and MatMul, chain by chain in the order of the graph: each meets what the chains before
 * it give when rounded, and should give what the float model gives. Weights that no chain holds get nearest codes.
 * The same samples give the same codes. E_ABORTED as the signal says; E_RUNTIME as the executor.
 */
export async function learnWeights(ask: LearnAsk): Promise<LearnResult> {
  const { model, placement, grids, bits, tools } = ask
  const learns = ask.learns ?? ask.effort === 'best'
  const settings = { ...EFFORTS[ask.effort], ...(learns ? {} : { iterations: 0 }), ...ask.settings }
  const notify = ask.notify ?? ((event: StageEvent) => tools.notify(event))
  const chains = await chainsOf(model, placement, grids, { wanted: new Set(bits.keys()), longest: settings.longest })
  const constants = new ConstantFloats(model, tools.kernels)
  const weights = new Map<string, LearnedWeight>()
  const figures = new Map<string, SolvedUnit['errors']>()
  const notes: string[] = []
  const seen = (await varied(ask.samples, settings.views)) ?? ask.samples
  const chosen = chosenOf(seen.count, settings.samples)
  const rounded = new Map(ask.fixed)
  const samples = new ChainSamples(ask.runtime, tools)
  const seed = ask.seed ?? 0
  let exact: readonly (FloatWindows | null)[] = []
  try {
    for (const [index, chain] of chains.entries()) {
      tools.signal?.throwIfAborted()
      const label = chain.layers[0]?.product.label ?? ''
      notify({
        phase: 'learn',
        done: index,
        total: chains.length,
        note: index === 0 ? secondsText(learningSeconds(chains, chosen.length, settings, tools.kernels)) : label,
      })
      const asked = { ...settings, samples: seen, chosen, seed }
      if (index % CHAINS_AT_ONCE === 0)
        exact = await samples.floatOf(chains.slice(index, index + CHAINS_AT_ONCE), model, asked)
      const float = exact[index % CHAINS_AT_ONCE] ?? null
      const data =
        float && (await samples.windowsOf(chain, float, roundedModel(model, placement, grids, rounded), asked))
      if (data === null) {
        notes.push(`${label}: its values have no place or size that learned rounding knows; nearest codes`)
        continue
      }
      const unit = await unitOf(chain, data, bits, constants)
      const [height, width] = data.plan.sizes.at(-1) as readonly [number, number]
      const solved = solveUnit(tools.kernels, unit, data, {
        ...settings,
        seed: seed + index,
        batch: Math.max(1, Math.floor(settings.batch / (height * width))),
      })
      figures.set(unit.layers[0]?.name ?? '', solved.errors)
      for (const [at, layer] of solved.layers.entries()) {
        const { product } = chain.layers[at] as Chain['layers'][number]
        if (layer !== null) keep(product, layer, bits, solved.errors, weights, rounded)
      }
    }
    notify({ phase: 'learn', done: chains.length, total: chains.length })
  } finally {
    await samples.close()
  }
  for (const { weight } of placement.products) {
    const width = bits.get(weight?.name ?? '')
    if (weight === null || width === undefined || weights.has(weight.name)) continue
    weights.set(weight.name, searchedWeight(await constants.of(weight.name), weight, width))
  }
  return { weights, figures, notes }
}

/** Evenly over all. */
function chosenOf(count: number, most: number): readonly number[] {
  const wanted = Math.min(count, most)
  return Array.from({ length: wanted }, (_, i) => Math.floor((i * count) / wanted))
}

async function unitOf(
  chain: Chain,
  data: ChainData,
  bits: ReadonlyMap<string, FewBits>,
  constants: ConstantFloats,
): Promise<Unit> {
  const layers = []
  for (const { product, shape, posts } of chain.layers) {
    const { weight, bias } = product as StaticProduct & { weight: NonNullable<StaticProduct['weight']> }
    const values = await constants.of(weight.name)
    layers.push({
      name: weight.name,
      shape,
      weight: weight.axis === 1 ? columnsAsRows(values, weight.shape) : values,
      bias: bias === null ? new Float32Array(shape.outputs) : await constants.of(bias),
      hasBias: bias !== null,
      ...fewOf(bits.get(weight.name)),
      posts,
    })
  }
  return { layers, sizes: data.plan.sizes, operands: chain.added.length }
}

function keep(
  { weight, bias }: StaticProduct,
  layer: RoundedLayer,
  bits: ReadonlyMap<string, FewBits>,
  { nearest, descended, learned }: SolvedUnit['errors'],
  weights: Map<string, LearnedWeight>,
  rounded: Map<string, Float32Array>,
): void {
  const few = bits.get(weight?.name ?? '')
  if (weight === null || few === undefined) return
  const { scales, lows } = layer
  const each = layer.codes.length / scales.length
  const decoded = Float32Array.from(layer.codes, (code, i) => code * (scales[Math.floor(i / each)] as number))
  const { least } = codeRange(few.bits)
  const zeros = lows.map((low) => least - low)
  const codes = layer.codes.map((code, i) => code + (zeros[Math.floor(i / each)] as number))
  const flipped = weight.axis === 1 ? ([weight.shape[1], weight.shape[0]] as number[]) : null
  rounded.set(weight.name, flipped === null ? decoded : columnsAsRows(decoded, flipped))
  if (bias !== null) rounded.set(bias, layer.bias)
  weights.set(weight.name, {
    codes: flipped === null ? codes : columnsAsRows(codes, flipped),
    ...{ scales, zeros, ...few },
    solver: learned < descended ? 'adaround' : 'descent',
    gain: { before: nearest, after: Math.min(learned, descended) },
    ...(bias === null ? {} : { bias: layer.bias }),
  })
}

function fewOf(few: FewBits | undefined): { readonly bits: number | null; readonly moves: boolean } {
  return { bits: few?.bits ?? null, moves: few?.symmetric === false }
}

function columnsAsRows<T extends Float32Array | Int8Array>(values: T, [rows = 0, columns = 0]: readonly number[]): T {
  return turned(values, rows, columns, values.slice() as T)
}
