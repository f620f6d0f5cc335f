import { floatsOf } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { type MomentFacts, rowStride, SecondMoments } from '../../calibration/second-moments.ts'
import { spreadPositions, unfoldedShape } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { CODES } from '../../graph/placement/index.ts'
import type { ActivationGrid } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, RuntimeSession, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { breather } from '../breath.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { tappedModel } from '../tapped-model.ts'
import type { WeightRows } from './unfolding.ts'

/** A product whose input is looked at. */
export interface MomentLayer {
  readonly weight: string
  readonly rows: WeightRows
  /** Name of the value that it reads, the same in both models. */
  readonly operand: string
  /** What rounds the operand; null: nothing does. */
  readonly grid: ActivationGrid | null
  /** Also what rounding has done to the input: E[xq (x - xq)^T]. */
  readonly drift?: boolean
}

export interface MomentOptions {
  /** Samples in use; evenly spread over those there are. */
  readonly samples: number
  /** Rows for each group of a layer, over all samples. */
  readonly positions: number
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
): Promise<ReadonlyMap<string, SecondMoments>> {
  const found = new Map<string, SecondMoments>()
  const lost = new Set<string>()
  const count = Math.min(samples.count, options.samples)
  const inputs = new Set(float.graph.inputs.map(({ name }) => name))
  const values = [...new Set(layers.map(({ operand }) => operand))].filter((name) => !inputs.has(name))
  const breathe = breather()
  await sessions.keepOnly(new Set())
  const of = (key: string, model: Model): Promise<RuntimeSession> | null =>
    values.length === 0 ? null : sessions.session(key, () => tappedModel(model, values))
  const open = { float: await of('float', float), quantized: await of('quantized', quantized) }
  for (let index = 0; index < count; index++) {
    tools.signal?.throwIfAborted()
    const { feeds } = await samples.at(Math.floor((index * samples.count) / count))
    const seen = await open.float?.run(feeds, tools.signal)
    const rounded = await open.quantized?.run(feeds, tools.signal)
    for (const layer of layers) {
      if (lost.has(layer.weight)) continue
      await breathe()
      const given = valueNamed(layer.operand, feeds, seen)
      const quantizedValue = valueNamed(layer.operand, feeds, rounded)
      const both = given && quantizedValue && sameShape(given, quantizedValue) ? [given, quantizedValue] : null
      if (both === null || !addRows(found, layer, both as [Value, Value], index, count, options, tools)) {
        lost.add(layer.weight)
        found.delete(layer.weight)
      }
    }
  }
  return found
}

export type { MomentFacts }

function valueNamed(name: string, feeds: Feeds, results: Feeds | undefined): Value | undefined {
  if (results && Object.hasOwn(results, name)) return results[name]
  return Object.hasOwn(feeds, name) ? feeds[name] : undefined
}

function sameShape(a: Value, b: Value): boolean {
  return a.dtype === 'f32' && b.dtype === 'f32' && String(a.shape) === String(b.shape)
}

/** Adds the rows of one sample; false where they do not suit the product. */
function addRows(
  found: Map<string, SecondMoments>,
  { weight, rows, grid, drift }: MomentLayer,
  [value, rounded]: readonly [Value, Value],
  sample: number,
  samples: number,
  options: MomentOptions,
  { kernels }: Tools,
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
  const floats = new Float32Array(positions.length * stride)
  const codes = new Float32Array(positions.length * stride)
  const [own, other] = [asSingles(floatsOf(value)), asSingles(floatsOf(rounded))]
  for (let group = 0; group < groups; group++) {
    shape.copy(own, group, positions, floats, stride)
    shape.copy(other, group, positions, codes, stride)
    if (grid) roundTo(grid, codes)
    moments.add(group, codes, floats, positions.length, stride)
  }
  return true
}

/** To the nearest value of a grid, in place. */
function roundTo({ scale, zero, type }: ActivationGrid, values: Float32Array): void {
  const least = CODES[type].min - zero
  const most = CODES[type].max - zero
  for (let i = 0; i < values.length; i++) {
    const code = roundHalfEven((values[i] as number) / scale)
    values[i] = (code < least ? least : code > most ? most : code) * scale
  }
}
