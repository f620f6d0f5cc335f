import type { SampleSet } from '../../calibration/index.ts'
import { keyOf, type ValueRange, ValueTypes } from '../../graph/half/index.ts'
import { connect, constantTensor, type Definition } from '../../graph/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { stateCarrier, statesOfModel } from '../carried-states.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { type Taps, tappedModel, tapsOf } from '../tapped-model.ts'
import { partsOf, ValueSizes } from '../value-sizes.ts'

/** Elements of values that are fetched at once. */
const MOST_ELEMENTS = 1 << 25

/**
 * How large and how small the f32 values of a model get on samples, by key. Values are fetched in groups that fit memory, each group in
 * runs of its own; one that does not fit is fetched alone. What no sample reaches is left out.
 */
export async function valueRanges(
  model: Model,
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
): Promise<ReadonlyMap<string, ValueRange>> {
  const taps = tapsOf(model, floatValues(model))
  const seen = new Map<string, ValueRange>()
  if (samples.count === 0) return seen
  const sizes = new ValueSizes(model, taps.values, sessions, tools.signal)
  const { feeds } = await samples.at(0)
  const groups = partsOf(taps.values, await sizes.of(feeds), MOST_ELEMENTS)
  const total = groups.length * samples.count
  for (const [index, group] of groups.entries()) {
    const key = `ranges ${index}`
    const notify = (done: number): void => tools.notify({ phase: 'ranges', done: index * samples.count + done, total })
    await sessions.keepOnly(new Set([key]))
    await lookAt(model, samples, sessions, tools, { key, group, inputs: index === 0 ? taps.inputs : [], notify }, seen)
  }
  tools.notify({ phase: 'ranges', done: total, total })
  return seen
}

interface Look {
  readonly key: string
  readonly group: readonly string[]
  readonly inputs: Taps['inputs']
  notify(done: number): void
}

async function lookAt(
  model: Model,
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
  { key, group, inputs, notify }: Look,
  seen: Map<string, ValueRange>,
): Promise<void> {
  const pairs = statesOfModel(model, samples)
  const also = pairs.map(({ output }) => output)
  const session = await sessions.session(key, () => tappedModel(model, group, also))
  const states = stateCarrier(pairs)
  for (let index = 0; index < samples.count; index++) {
    tools.signal?.throwIfAborted()
    notify(index)
    const given = states.feeds(await samples.at(index))
    const results = await session.run(given, tools.signal)
    states.after(results)
    for (const name of inputs) add(seen, name, given)
    for (const name of group) add(seen, name, results)
  }
}

/** Keys of values that are computed or fed, and are f32. */
function floatValues(model: Model): readonly string[] {
  const connections = connect(model)
  const types = new ValueTypes(connections)
  const isAsked = (definition: Definition): boolean => {
    if (types.of(definition) !== 'f32' || constantTensor(definition) !== null) return false
    const { kind, scope } = definition
    return kind === 'node' || (kind === 'input' && scope.path.length === 0)
  }
  return connections.definitions.filter(isAsked).map(keyOf)
}

function add(seen: Map<string, ValueRange>, key: string, values: Feeds): void {
  const value = Object.hasOwn(values, key) ? values[key] : undefined
  const range = value && rangeOf(value)
  if (!range) return
  const before = seen.get(key)
  if (before === undefined) seen.set(key, range)
  else {
    const larger = (name: keyof ValueRange): number => (before[name] > range[name] ? before[name] : range[name])
    seen.set(key, {
      largest: larger('largest'),
      // The least: where little is left of large terms, it is left for some samples.
      rms: before.rms < range.rms ? before.rms : range.rms,
      elements: larger('elements'),
      subnormal: larger('subnormal'),
      lost: larger('lost'),
    })
  }
}

/** Bits of the least normal f16, of 2^-25, which is rounded to 0, and of infinity. */
const NORMAL = 0x38800000
const LOST = 0x33000000
const INFINITE = 0x7f800000

/** Null for what is no f32, and for no elements. Numbers that are not finite are left out. */
export function rangeOf({ dtype, data }: Value): ValueRange | null {
  if (dtype !== 'f32' || !(data instanceof Uint8Array) || data.byteLength === 0) return null
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice()
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length)
  let sum = 0
  let largest = 0
  let there = 0
  let subnormal = 0
  let lost = 0
  for (let index = 0; index < words.length; index++) {
    const magnitude = words[index]! & 0x7fffffff
    if (magnitude === 0 || magnitude >= INFINITE) continue
    there++
    const value = floats[index]!
    sum += value * value
    if (magnitude > largest) largest = magnitude
    if (magnitude < NORMAL) {
      subnormal++
      if (magnitude <= LOST) lost++
    }
  }
  const most = new Float32Array(Uint32Array.of(largest).buffer)[0]!
  const share = (count: number): number => (there === 0 ? 0 : count / there)
  const rms = there === 0 ? 0 : Math.sqrt(sum / words.length)
  return { largest: most, rms, elements: words.length, subnormal: share(subnormal), lost: share(lost) }
}
