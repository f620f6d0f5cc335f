import type { SampleSet } from '../../calibration/index.ts'
import { coverageOf } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import { worstPairOf } from '../../graph/placement/index.ts'
import type { ActivationGrid, Placement, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { BiasFacts, FewBitsFacts, LayerFacts, ProductFacts, ValueFacts } from '../../model/layer-facts.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { type AccumulatedError, accumulatedErrors } from './accumulated-errors.node.ts'
import { codeShares, saturationFacts } from './layer-report-saturation.ts'
import { valueFacts } from './layer-report-values.ts'
import type { StaticConstants } from './static-weights.ts'

export interface LayerReportInput {
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  readonly statistics: Statistics
  readonly constants: StaticConstants
  /** Weights of fewer bits. */
  readonly lowBits?: ReadonlyMap<string, { readonly facts: FewBitsFacts }>
  /** The float model that was placed. */
  readonly model: Model
  /** The same with its pairs in place, or the file that was written, read again. */
  readonly lowered: Model
  /** Four of them are run, evenly spread; without them nothing is. */
  readonly samples?: SampleSet
  readonly runtime?: Runtime
  readonly tools: Tools
  /** What found the range of a group; default not said. */
  readonly observerOf?: (group: string) => string
}

/**
 * What a reader of the report wants to know of every product and every rounded value, in the order of the graph. Both models are run to
 * see how error piles up; where the executor fails at that, those figures are left out.
 */
export async function staticLayerFacts(input: LayerReportInput): Promise<LayerFacts[]> {
  const { placement, grids, statistics, constants, tools } = input
  const errors = await errorsOf(input)
  const growth = new Map(coverageOf(statistics).grown.map((one) => [one.name, one.growth]))
  const facts: { at: number; facts: LayerFacts }[] = []
  const order = orderOf(input.model)
  for (const point of placement.points) {
    const { value, group } = point
    const grid = grids.get(group)
    if (grid === undefined) continue
    const observer = input.observerOf?.(group) ?? ''
    const found = valueFacts(point, grid, statistics.values.get(value), observer, growth.get(value) ?? 0)
    if (found !== undefined) facts.push({ at: order.get(value) ?? -1, facts: withError(found, errors.get(value)) })
  }
  for (const product of placement.products) {
    tools.signal?.throwIfAborted()
    const gives = givenBy(product)
    const shares = sharesOf(product, input)
    const made = product.weight === null ? undefined : constants.weights.get(product.weight.name)
    const fewBits = input.lowBits?.get(product.weight?.name ?? '')?.facts
    const own = productFacts(product, constants, made, shares, errors.get(gives))
    const all = fewBits === undefined ? own : { ...own, fewBits }
    // A product comes before the value it gives.
    facts.push({ at: (order.get(gives) ?? 0) - 0.5, facts: withError(all, errors.get(gives)) })
  }
  return facts.sort((a, b) => a.at - b.at).map((one) => one.facts)
}

async function errorsOf(input: LayerReportInput): Promise<ReadonlyMap<string, AccumulatedError>> {
  const { placement, model, lowered, samples, runtime, tools } = input
  const axes = new Map(placement.products.map((one) => [givenBy(one), one.op === 'Conv' ? 1 : -1]))
  const values = [...new Set([...placement.points.map(({ value }) => value), ...axes.keys()])]
  if (samples === undefined || runtime === undefined || samples.count === 0) return new Map()
  try {
    return await accumulatedErrors(model, lowered, values, samples, runtime, tools, { axes })
  } catch (thrown) {
    if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    return new Map()
  }
}

function productFacts(
  product: StaticProduct,
  constants: StaticConstants,
  made: StaticWeight | undefined,
  shares: Float64Array | undefined,
  error: AccumulatedError | undefined,
): ProductFacts {
  const { label, op, form, operands, multiplyAdds, weight } = product
  const figure = weight === null ? undefined : constants.figures.get(weight.name)
  const bias = biasFacts(product, constants, error)
  const base = { kind: 'product', label, op, form, reads: operands, gives: givenBy(product), multiplyAdds } as const
  if (weight === null || made === undefined || figure === undefined) return base
  const exact = form !== 'qdq' || shares === undefined
  const none = { pairs: 0, results: 0, plainPairs: 0, plainResults: 0 }
  return {
    ...base,
    weight: {
      name: weight.name,
      shape: weight.shape,
      sqnrDb: Math.min(figure.sqnrDb, 999),
      codes: figure.form,
      worstPair: product.depthwise ? 0 : worstPairOf(product, made),
      saturation: exact ? none : saturationFacts(product, figure.form, signedOf(made), shares),
    },
    ...(bias === undefined ? {} : { bias }),
  }
}

/** Mean errors with the bias as it is, and as they would be with the old one: the correction is known exactly. */
function biasFacts(
  { bias, weight }: StaticProduct,
  { biases, plainBiases, figures }: StaticConstants,
  error: AccumulatedError | undefined,
): BiasFacts | undefined {
  const { means, rms = 0 } = error ?? {}
  if (means === undefined || rms === 0) return undefined
  const [now, plain] = bias === null ? [] : [biases.get(bias), plainBiases.get(bias)]
  const moved = now !== undefined && plain?.length === means.length && now.length === means.length
  const before = moved ? means.map((mean, i) => mean - ((now[i] as number) - (plain[i] as number))) : means
  return {
    corrected: weight !== null && figures.get(weight.name)?.biasCorrected === true,
    before: rootMeanSquare(before) / rms,
    after: rootMeanSquare(means) / rms,
  }
}

function sharesOf({ operands, form }: StaticProduct, input: LayerReportInput): Float64Array | undefined {
  if (form !== 'qdq') return undefined
  const [value = ''] = operands
  const point = input.placement.points.find((one) => one.value === value && one.precision === undefined)
  const grid = point && input.grids.get(point.group)
  const seen = input.statistics.values.get(value)
  return grid?.type === 'u8' && seen !== undefined ? codeShares(seen, grid) : undefined
}

function withError<T extends ProductFacts | ValueFacts>(facts: T, error: AccumulatedError | undefined): T {
  return error === undefined ? facts : { ...facts, accumulatedDb: error.sqnrDb }
}

function givenBy({ node, biasNode }: StaticProduct): string {
  return (biasNode?.node ?? node).outputs[0] ?? ''
}

/** Values by when they are computed; graph inputs come first. */
function orderOf({ graph }: Model): ReadonlyMap<string, number> {
  return new Map(graph.nodes.flatMap(({ outputs }, index) => outputs.map((name) => [name, index] as const)))
}

/** Codes around 0, whichever way they are stored. */
function signedOf({ codes }: StaticWeight): Int8Array {
  if (codes.storage.kind !== 'bytes') return new Int8Array(0)
  const { bytes } = codes.storage
  return codes.dtype === 'u8'
    ? Int8Array.from(bytes, (code) => code - 128)
    : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function rootMeanSquare(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length))
}
