import type { SampleSet } from '../calibration/index.ts'
import { TersorError } from '../errors.ts'
import { type BodyModel, bodyValueKey } from '../graph/bodies/index.ts'
import type { DType } from '../model/dtype.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import type { ModelSessions } from './model-sessions.ts'
import { BodyTaps } from './tapped-bodies.ts'
import { tappedModel } from './tapped-model.ts'

/** What a body is given, sample by sample, or why that cannot be had. */
export type BodySamples =
  | { readonly samples: SampleSet; readonly reason?: undefined }
  | { readonly samples?: undefined; readonly reason: string }

/** Element types that come out of a branch as they are. */
const TYPES: ReadonlySet<string> = new Set(['f32', 'f16', 'f64', 'i64', 'i32', 'i8', 'u8', 'bool'])
const KEY = 'body'

/**
 * What a branch of an If takes from outside, for every sample that reaches it: samples of its own model (`bodiesAsModels`), so that it
 * can be calibrated, tried and judged like any model. One run of the whole model finds which samples do, and each
 * reading of a sample is a run. No samples, but a reason: inside Loop and Scan, inputs of unknown type, and where the data never go.
 *
 * The session stays open for the samples; close `sessions` when they are done with, and use them for nothing else.
 */
export async function bodySamples(
  model: Model,
  body: BodyModel,
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
): Promise<BodySamples> {
  const inputs = body.model.graph.inputs
  const untyped = inputs.find(({ dtype }) => dtype === undefined || !TYPES.has(dtype))
  if (untyped !== undefined) return { reason: `"${untyped.name}" is of unknown type` }
  if (inputs.length === 0) return { reason: 'it takes nothing from outside' }
  const types = new Map(inputs.map(({ name, dtype }) => [bodyValueKey(body.path, name), dtype as DType]))
  if (!new BodyTaps(model).isBranch(body.path)) return { reason: 'it runs more than once for a sample' }
  const run = async (sample: Sample): Promise<Feeds> => {
    const session = await sessions.session(KEY, () => tappedModel(model, [...types.keys()], [], types))
    const results = await session.run(sample.feeds, tools.signal)
    return Object.fromEntries(inputs.map(({ name }) => [name, valueIn(results, bodyValueKey(body.path, name))]))
  }
  const reached: number[] = []
  for (let index = 0; index < samples.count; index++) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'bodies', done: index, total: samples.count })
    const feeds = await run(await samples.at(index))
    if (Object.values(feeds).some(({ shape }) => !shape.includes(0))) reached.push(index)
  }
  if (reached.length === 0) return { reason: 'the data never reach it' }
  const at = async (index: number): Promise<Sample> => {
    const sample = await samples.at(reached[index] as number)
    const { expected: _expected, ...rest } = sample
    return { ...rest, feeds: await run(sample) }
  }
  return { samples: { count: reached.length, found: reached.length, at, skipped: [], filled: [], converted: [] } }
}

function valueIn(results: Feeds, name: string): Value {
  const value = Object.hasOwn(results, name) ? results[name] : undefined
  if (value === undefined) throw new TersorError('E_RUNTIME', `the executor gave no "${name}"`)
  return value
}
