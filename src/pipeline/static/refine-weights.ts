import type { SampleSet } from '../../calibration/index.ts'
import type { MomentFacts } from '../../calibration/second-moments.ts'
import { TersorError } from '../../errors.ts'
import { decibels } from '../../evaluation/decibels.ts'
import { applyEdits, connect, constantTensor, removeDead, type Scope } from '../../graph/index.ts'
import { biasCodes, insertPairs, leastScalesOf } from '../../graph/lowerings/index.ts'
import { asUnsigned, operandGroups, safeWeight } from '../../graph/placement/index.ts'
import type { ActivationGrid, Placement, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { roundRows, shrinkage } from '../../solvers/gram-rounding.ts'
import { floatsOf } from '../floats.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { errorsOfConstants } from './constants-error.ts'
import { KeptPrefix } from './kept-prefix.ts'
import { layerMoments, type MomentLayer, type MomentPrefixes } from './layer-moments.ts'
import type { StaticConstants } from './static-weights.ts'
import { type WeightRows, weightRows } from './unfolding.ts'

export interface RefineInput {
  /** The float model that the placement is of. */
  readonly model: Model
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  /** Where the codes start: all weights that the placement names. */
  readonly constants: StaticConstants
  /** Weights that stay as they are. */
  readonly skip?: ReadonlySet<string>
  readonly samples: SampleSet
  readonly sessions: ModelSessions
  readonly tools: Tools
}

export interface RefineOptions {
  /** Times the quantized model is built again, each with what was refined before; default one a layer, at most 8. */
  readonly segments?: number
  /** Layer by layer, in models of up to 64 layers, where segments were not good enough. */
  readonly thorough?: boolean
  /** Default 16. */
  readonly samples?: number
  /** Rows of each product's input, over all samples; default 2048. */
  readonly positions?: number
  /**
   * What products aim at. 'own', the default: those of the exact weights with the same input. 'float': those of the float model, whatever rounding
   * has done in front of them; measured worse on everything with branches (ResNet-20, SqueezeNet), no better without.
   */
  readonly target?: 'float' | 'own'
  /** false: taken unseen, whatever the outputs say. */
  readonly proven?: boolean
  /** Largest magnitude of a code; default 127. */
  readonly most?: number
}

/** Errors of products, as shares of their energy, over the rows that were looked at. */
export interface RefinedFigures {
  readonly before: number
  readonly after: number
  readonly rows: number
  readonly biasCorrected: boolean
}

export interface RefinedConstants extends StaticConstants {
  readonly refined: ReadonlyMap<string, RefinedFigures>
}

interface Layer extends Omit<MomentLayer, 'compares' | 'drift'> {
  readonly product: StaticProduct
}

const SAFE_PAIR = 128
/** Samples on which refined weights have to be better. */
const PROOF_SAMPLES = 8
const SEGMENTS = 8
/** Layers of a model that is refined one by one when a few segments were not good enough. */
const MOST_SEGMENTS = 64

/**
 * New codes for weights, and biases, by what their products do to the data: layer after layer, in a few segments, each with
 * the input that the already refined model gives it. Codes lower the error of products on second moments of these inputs; a bias takes what is
 * left in the mean, W mean(x) - Wq mean(xq), borders included. Weights that several products read, stacks and weights with one scale stay.
 * Kept only where the outputs come nearer to the float model's: else, if thorough, once more layer by layer, else everything stays as it was.
 * A weight that was safe as s8 stays so. The same model, grids and samples give the same bytes, on one executor.
 */
export async function refineWeights(input: RefineInput, options: RefineOptions = {}): Promise<RefinedConstants> {
  const { model, placement, grids, constants, samples, sessions, tools } = input
  const layers = layersOf(input, constants.weights).length
  if (layers === 0) return { ...constants, refined: new Map() }
  const segments = options.segments ?? Math.min(layers, SEGMENTS)
  const tries = options.thorough && layers > segments && layers <= MOST_SEGMENTS ? [segments, layers] : [segments]
  for (const one of tries) {
    const made = await refineOnce(input, { ...options, segments: one })
    if (options.proven === false) return made
    const choices = [constants, made].map(({ weights, biases }) => ({ grids, weights, biases }))
    const [before = 0, after = 0] = await errorsOfConstants(
      model,
      placement,
      choices,
      samples,
      PROOF_SAMPLES,
      sessions,
      tools,
    )
    if (after < before) return made
  }
  return { ...constants, refined: new Map() }
}

async function refineOnce(input: RefineInput, options: RefineOptions): Promise<RefinedConstants> {
  const { model, placement, grids, tools, sessions } = input
  const { segments = SEGMENTS, samples = 16, positions = 2048, target = 'own' } = options
  const weights = new Map(input.constants.weights)
  const biases = new Map(input.constants.biases)
  const figures = new Map(input.constants.figures)
  const refined = new Map<string, RefinedFigures>()
  const layers = layersOf(input, weights)
  const floats = constantFloats(model, tools)
  const least = leastScalesOf(placement, grids, input.constants.biases)
  const perSegment = Math.max(1, Math.ceil(layers.length / segments))
  const kept = { float: new KeptPrefix(), quantized: new KeptPrefix() }
  for (let first = 0; first < layers.length; first += perSegment) {
    tools.notify({ phase: 'refine', done: first, total: layers.length })
    const segment = layers.slice(first, first + perSegment)
    const shown = withOutputs(model, segment)
    const quantized = removeDead(applyEdits(shown, insertPairs(shown, placement, { grids, weights, biases })))
    const moving = valuesBehind(model, segment)
    const rest = layers.slice(first)
    const later = laterModel(shown, placement, grids, weights, biases, rest)
    // What comes before in this segment changes with it, and takes back its own share of the mean.
    const looked = segment.map((layer) => {
      const compares = !moving.has(layer.operand)
      return { ...layer, compares, drift: target === 'float' && compares }
    })
    const momentsWith = (prefixes?: MomentPrefixes) =>
      layerMoments(model, quantized, looked, input.samples, sessions, tools, { samples, positions }, prefixes)
    const prefixes = later && { ...kept, moving: { float: valuesBehind(model, rest), quantized: later } }
    const moments = await momentsWith(prefixes).catch((thrown: unknown) => {
      // Some value may be none that an executor hands over; from the input on it need not.
      if (prefixes === undefined || tools.signal?.aborted) throw thrown
      return momentsWith()
    })
    for (const layer of segment) {
      tools.signal?.throwIfAborted()
      const seen = moments.get(layer.weight)
      if (!seen) continue
      const { product, rows } = layer
      const values = rows.toRows(await floats(layer.weight))
      const bias = ownBias(placement, product)
      const facts = seen.facts(bias !== null)
      const given = weights.get(layer.weight) as StaticWeight
      const floor = least.get(layer.weight)
      const wasSafe = product.form === 'qdq' && given.codes.dtype === 'i8' && rows.order !== null
      const found = roundRows(
        {
          values,
          groups: rows.groups,
          depth: rows.depth,
          gram: facts.gram,
          drift: facts.drift,
          most: options.most ?? 127,
          ...(floor ? { least: floor } : {}),
          ...(wasSafe && rows.order ? { pairs: { order: rows.order, limit: SAFE_PAIR } } : {}),
          shrink: shrinkage(facts.count, rows.depth),
          floor: layer.grid === null ? 0 : layer.grid.scale ** 2 / 12,
        },
        tools.kernels,
      )
      const signed: StaticWeight = {
        codes: withBytes(given.codes, rows.fromRows(found.codes)),
        scales: found.scales,
        axis: given.axis,
      }
      const made = safeWeight(product, signed).form === 's8' ? signed : asUnsigned(signed)
      weights.set(layer.weight, made)
      let corrected = false
      if (bias !== null) {
        const wanted = meanBias(await floats(bias), values, found.codes, found.scales, rows, facts)
        const scale = layer.grid?.scale
        corrected = product.form !== 'qdq' || (scale !== undefined && biasCodes(wanted, scale, made.scales) !== null)
        if (corrected) biases.set(bias, wanted)
      }
      figures.set(layer.weight, {
        sqnrDb: sqnrOf(values, found.codes, found.scales),
        form: made.codes.dtype === 'u8' ? 'u8' : 's8',
        biasCorrected: corrected || figures.get(layer.weight)?.biasCorrected === true,
      })
      refined.set(layer.weight, {
        before: found.nearestError / found.energy,
        after: found.error / found.energy,
        rows: facts.count,
        biasCorrected: corrected,
      })
    }
  }
  return { ...input.constants, weights, biases, figures, refined }
}

function layersOf(
  { placement: { points, products }, grids, skip }: RefineInput,
  weights: ReadonlyMap<string, StaticWeight>,
): readonly Layer[] {
  const readers = new Map<string, number>()
  for (const { weight } of products) if (weight) readers.set(weight.name, (readers.get(weight.name) ?? 0) + 1)
  const groupOf = operandGroups(points)
  return products.flatMap((product) => {
    const { weight, operands, form } = product
    const [operand] = operands
    if (form === 'stored' || weight === null || operand === undefined || readers.get(weight.name) !== 1) return []
    const rows = weights.has(weight.name) && !skip?.has(weight.name) ? weightRows(product) : null
    if (rows === null) return []
    return [
      {
        weight: weight.name,
        rows,
        operand,
        grid: grids.get(groupOf(product)[0] ?? '') ?? null,
        product,
      },
    ]
  })
}

/** Operands as outputs too: what only integer operators read has no name as floats. */
function withOutputs(model: Model, layers: readonly Layer[]): Model {
  const given = new Set([...model.graph.outputs, ...model.graph.inputs].map(({ name }) => name))
  const names = new Set(layers.map(({ operand }) => operand).filter((name) => !given.has(name)))
  const outputs = [...model.graph.outputs, ...[...names].map((name) => ({ name }))]
  return { ...model, graph: { ...model.graph, outputs } }
}

/** The quantized model with other codes, scales and biases wherever these are still to be found; undefined where it cannot be made. */
function laterModel(
  model: Model,
  placement: Placement,
  grids: RefineInput['grids'],
  weights: ReadonlyMap<string, StaticWeight>,
  biases: ReadonlyMap<string, Float32Array>,
  layers: readonly Layer[],
): Model | undefined {
  const [otherWeights, otherBiases] = [new Map(weights), new Map(biases)]
  for (const { weight, product } of layers) {
    const { codes, scales, axis } = weights.get(weight) as StaticWeight
    if (codes.storage.kind !== 'bytes') return undefined
    const bytes = codes.storage.bytes.slice()
    if (bytes.length > 0) bytes[0] = (bytes[0] as number) ^ 1
    const storage = { kind: 'bytes' as const, bytes, byteLength: bytes.byteLength }
    otherWeights.set(weight, { codes: { ...codes, storage }, scales: scales.map((scale) => 2 * scale), axis })
    const bias = product.bias === null ? undefined : biases.get(product.bias)
    if (product.bias !== null && bias)
      otherBiases.set(
        product.bias,
        bias.map((value) => (value === 1 ? 2 : 1)),
      )
  }
  try {
    return removeDead(
      applyEdits(model, insertPairs(model, placement, { grids, weights: otherWeights, biases: otherBiases })),
    )
  } catch (thrown) {
    // Biases that are made up need not fit.
    if (thrown instanceof TersorError && thrown.code === 'E_PLAN') return undefined
    throw thrown
  }
}

/** Values that change when the codes of these layers do. */
function valuesBehind(model: Model, layers: readonly Layer[]): ReadonlySet<string> {
  const own = new Set(layers.map(({ product }) => product.node))
  const behind = new Set<string>()
  for (const node of model.graph.nodes) {
    // Bodies read what they like from outside.
    const holds = node.attributes.some(({ kind }) => kind === 'graph' || kind === 'graphs')
    const moves = own.has(node) || node.inputs.some((name) => behind.has(name)) || (holds && behind.size > 0)
    if (moves) for (const name of node.outputs) behind.add(name)
  }
  return behind
}

/** The bias of a product that no other product has. */
function ownBias({ products }: Placement, { bias }: StaticProduct): string | null {
  return bias !== null && products.filter((one) => one.bias === bias).length === 1 ? bias : null
}

/** b + W mean(x) - Wq mean(xq). */
function meanBias(
  bias: Float32Array,
  values: Float32Array,
  codes: Int8Array,
  scales: Float32Array,
  { depth, groups }: WeightRows,
  { mean, meanFloat }: MomentFacts,
): Float32Array {
  const perGroup = scales.length / groups
  return Float32Array.from(scales, (scale, row) => {
    const from = Math.floor(row / perGroup) * depth
    let shift = 0
    for (let i = 0; i < depth; i++) {
      const at = row * depth + i
      const decoded = Math.fround((codes[at] as number) * scale)
      shift += (values[at] as number) * (meanFloat[from + i] as number) - decoded * (mean[from + i] as number)
    }
    return (bias[bias.length === 1 ? 0 : row] as number) + shift
  })
}

/** Of the weights themselves: lower than with nearest codes. */
function sqnrOf(values: Float32Array, codes: Int8Array, scales: Float32Array): number {
  const depth = values.length / scales.length
  let energy = 0
  let error = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    energy += value * value
    error += (value - (codes[i] as number) * (scales[Math.floor(i / depth)] as number)) ** 2
  }
  return error === 0 ? Number.POSITIVE_INFINITY : decibels(energy, error)
}

function withBytes(codes: TensorRef, signed: Int8Array): TensorRef {
  const bytes = new Uint8Array(signed.buffer, signed.byteOffset, signed.byteLength)
  return { ...codes, dtype: 'i8', storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

/** Elements of constants of the main graph by name, whichever way they are spelled. */
function constantFloats(model: Model, { kernels }: Tools): (name: string) => Promise<Float32Array> {
  const connections = connect(model)
  const own = connections.own(connections.scopes[0] as Scope)
  return async (name) => {
    const definition = own.get(name)
    const tensor = definition === undefined ? null : constantTensor(definition)
    if (tensor === null) throw new TersorError('E_INTERNAL', `no constant is called "${name}"`, { where: name })
    return floatsOf(tensor, 0, elementCountOf(tensor.shape), kernels)
  }
}
