import type { SampleSet } from '../calibration/index.ts'
import { TersorError } from '../errors.ts'
import { type BodyModel, bodyValueKey } from '../graph/bodies/index.ts'
import { scopeKey, scopesOf } from '../graph/index.ts'
import type { DType } from '../model/dtype.ts'
import type { Model, ValueInfo } from '../model/graph.ts'
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

/** Runs of a body over all samples that become samples of its own. */
const MOST_ITERATIONS = 1024

/**
 * What a branch of an If takes from outside, for every sample that reaches it: samples of its own model (`bodiesAsModels`), so that it
 * can be calibrated, tried and judged like any model. One run of the whole model finds which samples do, and each
 * reading of a sample is a run. A Loop or Scan of the main graph gives one sample for each iteration, evenly spread where they are many.
 * No samples, but a reason: deeper loops, inputs of unknown type or of open shape in loops, and where the data never go.
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
  if (!new BodyTaps(model).isBranch(body.path)) return iterationSamples(model, body, samples, sessions, tools)
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

/** Iterations of a Loop or Scan of the main graph: what it carries and scans comes flat, all iterations of a sample in one run. */
async function iterationSamples(
  model: Model,
  body: BodyModel,
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
): Promise<BodySamples> {
  const again = 'it runs more than once for a sample'
  if (body.path.length !== 2) return { reason: again }
  const captured = new Set(body.captured)
  const given = new Set(model.graph.inputs.map(({ name }) => name))
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs))
  const own: {
    readonly name: string
    readonly key: string
    readonly dtype: DType
    readonly shape: readonly number[]
  }[] = []
  // What the file says of its carried values, which need not follow from the inputs of the model.
  const declared = new Map(
    scopesOf(model)
      .find(({ path }) => scopeKey(path) === body.key)
      ?.graph?.inputs.map((one) => [one.name, one.shape]),
  )
  for (const { name, dtype, ...info } of body.model.graph.inputs) {
    const shape = isKnown(info.shape) ? info.shape : declared.get(name)
    if (captured.has(name)) {
      if (!given.has(name) && !made.has(name)) return { reason: `${again}, and "${name}" is a constant around it` }
      continue
    }
    if (!isKnown(shape)) return { reason: `${again}, and the shape of "${name}" is open` }
    own.push({ name, key: bodyValueKey(body.path, name), dtype: dtype as DType, shape })
  }
  if (own.length === 0) return { reason: again }
  const types = new Map(own.map(({ key, dtype }) => [key, dtype]))
  const outer = [...captured].filter((name) => made.has(name))
  const run = async (index: number): Promise<readonly Feeds[]> => {
    const session = await sessions.session(KEY, () => tappedModel(model, [...types.keys()], outer, types))
    const { feeds } = await samples.at(index)
    const results = await session.run(feeds, tools.signal)
    const around = Object.fromEntries(
      [...captured].map((name) => [name, valueIn(given.has(name) ? feeds : results, name)]),
    )
    const parts = own.map(({ name, key, shape }) => [name, splitValue(valueIn(results, key), shape)] as const)
    const count = Math.min(...parts.map(([, values]) => values.length))
    return Array.from({ length: count }, (_, at) => ({
      ...around,
      ...Object.fromEntries(parts.map(([name, values]) => [name, values[at] as Value])),
    }))
  }
  const most = Math.max(1, Math.floor(MOST_ITERATIONS / samples.count))
  const reached: (readonly [sample: number, iteration: number])[] = []
  for (let index = 0; index < samples.count; index++) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'bodies', done: index, total: samples.count })
    const { length } = await run(index)
    const used = Math.min(most, length)
    for (let at = 0; at < used; at++) reached.push([index, Math.floor(((at + 0.5) * length) / used)])
  }
  if (reached.length === 0) return { reason: 'the data never reach it' }
  let last: { readonly index: number; readonly all: readonly Feeds[] } | undefined
  const at = async (position: number): Promise<Sample> => {
    const [index, iteration] = reached[position] as readonly [number, number]
    if (last?.index !== index) last = { index, all: await run(index) }
    const { label } = await samples.at(index)
    return { label: `${label}, iteration ${iteration + 1}`, feeds: last.all[iteration] as Feeds }
  }
  return { samples: { count: reached.length, found: reached.length, at, skipped: [], filled: [], converted: [] } }
}

function isKnown(shape: ValueInfo['shape']): shape is readonly number[] {
  return shape?.every((size) => typeof size === 'number' && size > 0) === true
}

/** The values of one shape that stand one after the other. */
function splitValue(value: Value, shape: readonly number[]): readonly Value[] {
  const { data, dtype } = value
  if (!(data instanceof Uint8Array)) return []
  const elements = value.shape.reduce((product, size) => product * size, 1)
  const count = elements / shape.reduce((product, size) => product * size, 1)
  if (!Number.isInteger(count) || count === 0) return []
  const length = data.byteLength / count
  return Array.from({ length: count }, (_, at) => ({ dtype, shape, data: data.slice(at * length, (at + 1) * length) }))
}

function valueIn(results: Feeds, name: string): Value {
  const value = Object.hasOwn(results, name) ? results[name] : undefined
  if (value === undefined) throw new TersorError('E_RUNTIME', `the executor gave no "${name}"`)
  return value
}
