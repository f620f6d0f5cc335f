import { floatsOf } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { rowStride, SecondMoments } from '../../calibration/second-moments.ts'
import { spreadPositions, unfoldedShape } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { CODES } from '../../graph/placement/index.ts'
import type { ActivationGrid } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, RuntimeSession, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { breather } from '../breath.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { tappedModel } from '../tapped-model.ts'
import type { KeptPrefix } from './kept-prefix.ts'
import type { WeightRows } from './unfolding.ts'

/** A product whose input is looked at. */
export interface MomentLayer {
  readonly weight: string
  readonly rows: WeightRows
  /** Name of the value that it reads, the same in both models. */
  readonly operand: string
  /** What rounds the operand; null: nothing does. */
  readonly grid: ActivationGrid | null
  /** Whether the float model's rows are looked at beside; otherwise they are taken for the same. */
  readonly compares: boolean
  /** Also what rounding has done to the input: E[xq (x - xq)^T]. */
  readonly drift: boolean
}

export interface MomentOptions {
  /** Samples in use; evenly spread over those there are. */
  readonly samples: number
  /** Rows for each group of a layer, over all samples. */
  readonly positions: number
}

/** What earlier runs of both models are good for, and what may change until the next ones; see `KeptPrefix.open`. */
export interface MomentPrefixes {
  readonly float: KeptPrefix
  readonly quantized: KeptPrefix
  readonly moving: { readonly float: ReadonlySet<string>; readonly quantized: Model }
}

/** Rows of a layer for each of its columns, at most. */
const ROWS_PER_COLUMN = 16
const LEAST_ROWS = 512
/** Second moments beyond this many elements are not collected. */
const MOST_ELEMENTS = 2 ** 25

/**
 * Second moments of what products read in a quantized model, beside what they read in the float one, from one run of each over some
 * samples. Values a model does not give as floats, or that have no rows, are left out. Depends on models, samples and options only.
 */
export async function layerMoments(
  float: Model,
  quantized: Model,
  layers: readonly MomentLayer[],
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
  options: MomentOptions,
  prefixes?: MomentPrefixes,
): Promise<ReadonlyMap<string, SecondMoments>> {
  const found = new Map<string, SecondMoments>()
  const lost = new Set<string>()
  const count = Math.min(samples.count, options.samples)
  const inputs = new Set(float.graph.inputs.map(({ name }) => name))
  const breathe = breather()
  const scratch: Scratch = { floats: new Float32Array(0), codes: new Float32Array(0) }
  await sessions.keepOnly(new Set())
  const opened = async (
    key: 'float' | 'quantized',
    model: Model,
    of: readonly MomentLayer[],
  ): Promise<RuntimeSession | null> => {
    const values = [...new Set(of.map(({ operand }) => operand))].filter((name) => !inputs.has(name))
    if (values.length === 0) return null
    if (prefixes === undefined) return sessions.session(key, () => tappedModel(model, values))
    return sessions.session(key, () => prefixes[key].open(model, prefixes.moving[key], values))
  }
  const runOf = async (key: 'float' | 'quantized', session: RuntimeSession | null, index: number, feeds: Feeds) => {
    if (session === null || prefixes === undefined) return session?.run(feeds, tools.signal)
    const prefix = prefixes[key]
    return prefix.add(index, await session.run(prefix.feeds(index, feeds), tools.signal))
  }
  const exact = await opened(
    'float',
    float,
    layers.filter(({ compares }) => compares),
  )
  const rounded = await opened('quantized', quantized, layers)
  const run = async (index: number): Promise<{ readonly floats: Feeds; readonly codes: Feeds }> => {
    tools.signal?.throwIfAborted()
    const { feeds } = await samples.at(Math.floor((index * samples.count) / count))
    const [codes, floats] = await Promise.all([
      runOf('quantized', rounded, index, feeds),
      runOf('float', exact, index, feeds),
    ])
    return { floats: { ...feeds, ...floats }, codes: { ...feeds, ...codes } }
  }
  let next = count === 0 ? null : run(0)
  for (let index = 0; next !== null; index++) {
    const { floats, codes } = await next
    // The executor works on the next sample while this one is looked at.
    next = index + 1 < count ? run(index + 1) : null
    next?.catch(() => undefined)
    for (const layer of layers) {
      if (lost.has(layer.weight)) continue
      await breathe()
      const value = codes[layer.operand]
      const like = layer.compares ? floats[layer.operand] : value
      const suits = value && like && sameShape(value, like)
      if (suits && addRows(found, layer, like, value, index, count, options, tools, scratch)) continue
      lost.add(layer.weight)
      found.delete(layer.weight)
    }
  }
  if (rounded) prefixes?.quantized.close()
  if (exact) prefixes?.float.close()
  return found
}

function sameShape(a: Value, b: Value): boolean {
  return a.dtype === 'f32' && b.dtype === 'f32' && String(a.shape) === String(b.shape)
}

/** Rows of one group, written over by every layer; what is between rows is whatever was there. */
interface Scratch {
  floats: Float32Array
  codes: Float32Array
}

/** 1.5 * 2^52: a double below 2^51 that it is added to and taken from again is rounded, half to even. */
const ROUNDER = 6755399441055744

/** Adds the rows of one sample; false where they do not suit the product. */
function addRows(
  found: Map<string, SecondMoments>,
  { weight, rows, grid, drift, compares }: MomentLayer,
  value: Value,
  rounded: Value,
  sample: number,
  samples: number,
  options: MomentOptions,
  { kernels }: Tools,
  scratch: Scratch,
): boolean {
  const { groups, depth } = rows
  if (groups * depth * depth > MOST_ELEMENTS) return false
  const shape = unfoldedShape(rows.unfolding, value.shape)
  if (shape.groups !== groups || shape.depth !== depth || shape.positions === 0) return false
  const wanted = Math.min(options.positions, Math.max(LEAST_ROWS, ROWS_PER_COLUMN * depth))
  const positions = spreadPositions(shape.positions, Math.ceil(wanted / samples), sample * 7919)
  const moments = found.get(weight) ?? new SecondMoments(groups, depth, drift === true, kernels)
  found.set(weight, moments)
  const stride = rowStride(depth)
  const size = positions.length * stride
  if (scratch.floats.length < size) scratch.floats = new Float32Array(size)
  if (scratch.codes.length < size) scratch.codes = new Float32Array(size)
  const [floats, codes] = [scratch.floats.subarray(0, size), scratch.codes.subarray(0, size)]
  const [own, other] = [asSingles(floatsOf(value)), asSingles(floatsOf(rounded))]
  for (let group = 0; group < groups; group++) {
    shape.copy(other, group, positions, codes, stride)
    if (grid) roundTo(grid, codes, depth, stride)
    if (compares) shape.copy(own, group, positions, floats, stride)
    moments.add(group, codes, compares ? floats : codes, positions.length, stride)
  }
  return true
}

/** Rows of `depth`, `stride` elements apart, to the nearest values of a grid, in place. */
function roundTo({ scale, zero, type }: ActivationGrid, values: Float32Array, depth: number, stride: number): void {
  const least = CODES[type].min - zero
  const most = CODES[type].max - zero
  for (let start = 0; start < values.length; start += stride) {
    for (let i = start; i < start + depth; i++) {
      const code = (values[i] as number) / scale + ROUNDER - ROUNDER
      values[i] = (code < least ? least : code > most ? most : code) * scale
    }
  }
}
