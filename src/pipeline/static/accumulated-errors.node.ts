import type { SampleSet } from '../../calibration/index.ts'
import { decibels, numbersOf } from '../../evaluation/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds, Runtime, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { isFloat } from '../../numbers/dtype.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { tappedModel, tapsOf } from '../tapped-model.ts'
import { partsOf, SIZES, ValueSizes } from '../value-sizes.ts'

export interface AccumulatedError {
  /** Float over what the quantized model has there, everything before quantized too; 999 for no difference. */
  readonly sqnrDb: number
  /** Root mean square of the float value. */
  readonly rms: number
  /** Mean of quantized - float for each index of the axis that was asked for. */
  readonly means?: Float64Array
}

export interface AccumulatedOptions {
  /** Axes along which means of the error are kept apart. */
  readonly axes?: ReadonlyMap<string, number>
  /** Samples that are run, evenly spread; default 4. */
  readonly most?: number
}

const MOST_SAMPLES = 4
/** Elements fetched at a time, from both models together. */
const MOST_ELEMENTS = 16_000_000

interface Sums {
  signal: number
  noise: number
  count: number
  readonly means: Float64Array | undefined
  perIndex: number
}

/**
 * Runs a float model and its quantized form side by side, graph optimization off, and compares values that both have. A value keeps its
 * name in both models; one that is only there before its rounding (`name/float`) is compared before it. Values that are no float
 * tensors of one shape in both are left out. E_RUNTIME as the executor throws it.
 */
export async function accumulatedErrors(
  float: Model,
  quantized: Model,
  values: readonly string[],
  samples: SampleSet,
  runtime: Runtime,
  tools: Tools,
  { axes = new Map(), most = MOST_SAMPLES }: AccumulatedOptions = {},
): Promise<ReadonlyMap<string, AccumulatedError>> {
  const names = namesIn(quantized, tapsOf(float, values).values)
  const sums = new Map<string, Sums>()
  const left = new TapSessions(runtime, tools)
  const right = new TapSessions(runtime, tools)
  try {
    const sizes = new ValueSizes(float, [...names.keys()], left, tools.signal)
    const count = Math.min(most, samples.count)
    const at = (index: number) => Math.floor(((index + 0.5) * samples.count) / count)
    const first = await samples.at(at(0))
    const parts = partsOf([...names.keys()], await sizes.of(first.feeds), MOST_ELEMENTS / 2)
    for (const [done, part] of parts.entries()) {
      if (part.length === 0) continue
      const key = String(done)
      await left.keepOnly(new Set([key, SIZES]))
      await right.keepOnly(new Set([key]))
      const others = part.map((name) => names.get(name) as string)
      const a = await left.session(key, () => tappedModel(float, part))
      const b = await right.session(key, () => tappedModel(quantized, others))
      for (let index = 0; index < count; index++) {
        tools.signal?.throwIfAborted()
        tools.notify({ phase: 'layers', done: done * count + index, total: parts.length * count })
        const { feeds } = index === 0 ? first : await samples.at(at(index))
        const wanted = await a.run(readBy(a.inputs, feeds), tools.signal)
        const found = await b.run(readBy(b.inputs, feeds), tools.signal)
        for (const name of part) add(sums, name, wanted[name], found[names.get(name) as string], axes.get(name))
      }
    }
  } finally {
    await left.close()
    await right.close()
  }
  return new Map([...sums].map(([name, sum]) => [name, errorOf(sum)]))
}

/** What each value is called in the quantized model. */
function namesIn({ graph }: Model, values: readonly string[]): ReadonlyMap<string, string> {
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs))
  return new Map(
    values.flatMap((name) => {
      if (made.has(name)) return [[name, name] as const]
      const before = `${name}/float`
      return made.has(before) ? [[name, before] as const] : []
    }),
  )
}

/** A tapped copy may need fewer inputs. */
function readBy(inputs: readonly { readonly name: string }[], feeds: Feeds): Feeds {
  return Object.fromEntries(
    inputs.flatMap(({ name }) => {
      const value = Object.hasOwn(feeds, name) ? feeds[name] : undefined
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

function add(
  sums: Map<string, Sums>,
  name: string,
  wanted: Value | undefined,
  found: Value | undefined,
  axis: number | undefined,
): void {
  if (wanted === undefined || found === undefined || !isFloat(wanted.dtype) || !isFloat(found.dtype)) return
  if (String(wanted.shape) !== String(found.shape)) return
  const [a, b] = [numbersOf(wanted, name), numbersOf(found, name)]
  const length = axis === undefined ? 0 : (wanted.shape.at(axis) ?? 0)
  const sum = sums.get(name) ?? {
    signal: 0,
    noise: 0,
    count: 0,
    means: length > 0 ? new Float64Array(length) : undefined,
    perIndex: 0,
  }
  sums.set(name, sum)
  const inner = axis === undefined ? 1 : innerOf(wanted.shape, axis)
  const apart = sum.means !== undefined && sum.means.length === length ? sum.means : undefined
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number
    const difference = (b[i] as number) - x
    if (!Number.isFinite(difference)) continue
    sum.signal += x * x
    sum.noise += difference * difference
    if (apart !== undefined) {
      const index = Math.floor(i / inner) % length
      apart[index] = (apart[index] as number) + difference
    }
  }
  sum.count += a.length
  if (apart !== undefined) sum.perIndex += a.length / length
}

function innerOf(shape: readonly number[], axis: number): number {
  const from = axis < 0 ? axis + shape.length : axis
  return shape.slice(from + 1).reduce((product, size) => product * size, 1)
}

function errorOf({ signal, noise, count, means, perIndex }: Sums): AccumulatedError {
  return {
    sqnrDb: decibels(signal, noise),
    rms: Math.sqrt(signal / Math.max(1, count)),
    ...(means === undefined || perIndex === 0 ? {} : { means: means.map((sum) => sum / perIndex) }),
  }
}
