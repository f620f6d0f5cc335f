import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { array, boolean, literal, minValue, number, object, optional, picklist, pipe, safeParse, string } from 'valibot'
import { fileSink } from '../../bytes/file-sink.node.ts'
import { sampleDigest } from '../../calibration/sample-digest.ts'
import { sha256 } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import type { Feeds, Value } from '../../model/runtime.ts'
import { byteLengthOf, elementCountOf } from '../../numbers/dtype.ts'
import type { Evidence, FloatRun } from '../evidence.ts'

const MAGIC = new TextEncoder().encode('tersor float outputs 1\n')
/** Start and length of the index, as decimal digits: the last thing in the file. */
const TRAILER = 48
const LARGEST_INDEX = 256 << 20

const whole = pipe(number(), minValue(0))
const VALUE = object({
  name: string(),
  dtype: picklist([
    'f32',
    'f16',
    'f64',
    'bf16',
    'i64',
    'i32',
    'i16',
    'i8',
    'u64',
    'u32',
    'u16',
    'u8',
    'bool',
    'string',
  ]),
  shape: array(whole),
  start: optional(whole),
  bytes: optional(whole),
  strings: optional(array(string())),
})
const INDEX = object({
  version: literal(1),
  model: string(),
  samples: string(),
  runtime: string(),
  batch: optional(object({ output: string(), texts: whole, cosine: number(), difference: number() })),
  order: optional(
    object({
      states: array(object({ input: string(), output: string(), certain: boolean() })),
      starts: array(whole),
      steps: whole,
      apart: boolean(),
    }),
  ),
  results: array(array(VALUE)),
})

type Stored = { -readonly [Key in keyof StoredValue]: StoredValue[Key] }
interface StoredValue {
  readonly name: string
  readonly dtype: string
  readonly shape: number[]
  readonly start?: number
  readonly bytes?: number
  readonly strings?: string[]
}

/** What a file of float outputs belongs to. */
export interface OutputsKey {
  /** Fingerprint of the model. */
  readonly model: string
  /** Of all samples in their order, and of the states that go between them. */
  readonly samples: string
}

export async function samplesKey({ samples, states = [], given = [] }: Evidence): Promise<string> {
  const parts = [[...states, ...given].map(({ input, output }) => `${input} <- ${output}`).join(', ')]
  for (const { feeds } of samples) parts.push(await sampleDigest(feeds))
  return sha256(new TextEncoder().encode(parts.join('\n')))
}

/** Writes answers as they come; the file appears under its name when all of them are there. */
export function floatOutputsWriter(path: string, key: OutputsKey, runtime: string) {
  const sink = fileSink(path)
  const results: Stored[][] = []
  let at = MAGIC.length
  const started = sink.write(MAGIC)
  return {
    async add(answer: Feeds): Promise<void> {
      await started
      const stored: Stored[] = []
      for (const [name, { dtype, shape, data }] of Object.entries(answer)) {
        if (!(data instanceof Uint8Array)) {
          stored.push({ name, dtype, shape: [...shape], strings: [...data] })
          continue
        }
        const gap = (64 - (at % 64)) % 64
        if (gap > 0) await sink.write(new Uint8Array(gap))
        await sink.write(data)
        stored.push({ name, dtype, shape: [...shape], start: at + gap, bytes: data.length })
        at += gap + data.length
      }
      results.push(stored)
    },
    async commit({ batch, order }: Pick<FloatRun, 'batch' | 'order'>): Promise<void> {
      await started
      const index = {
        version: 1,
        ...key,
        runtime,
        ...(batch === undefined ? {} : { batch }),
        ...(order === undefined ? {} : { order: { ...order, starts: [...order.starts] } }),
        results,
      }
      const bytes = new TextEncoder().encode(JSON.stringify(index))
      await sink.write(bytes)
      await sink.write(new TextEncoder().encode(`\n${String(at).padEnd(23)}${String(bytes.length).padEnd(23)}\n`))
      await sink.commit()
    },
    abort: () => sink.abort(),
  }
}

/** `results` of every sample, and behind them those on states of its own where `order` says so. */
export interface FloatOutputs extends Pick<FloatRun, 'batch' | 'order'> {
  readonly results: readonly Feeds[]
  readonly runtime: string
  close(): void
}

/**
 * Answers that were saved earlier; undefined where there is no such file. Values are read when they are looked at, and not kept. E_USAGE when they are
 * of another model or other samples, E_FORMAT when the file is damaged or no such file.
 */
export function openFloatOutputs(path: string, key: OutputsKey): FloatOutputs | undefined {
  if (!existsSync(path)) return undefined
  const { size } = statSync(path)
  const fd = openSync(path, 'r')
  const damaged = (what: string) => {
    closeSync(fd)
    return new TersorError('E_FORMAT', `${path}: expected float outputs saved by tersor, ${what}`, {
      where: path,
      hint: 'delete it, and it is made again',
    })
  }
  const read = (start: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const count = readSync(fd, bytes, done, Math.min(length - done, 1 << 30), start + done)
      if (count === 0)
        throw new TersorError('E_FORMAT', `${path}: ended early; it changed while it was read`, { where: path })
      done += count
    }
    return bytes
  }
  const text = new TextDecoder()
  if (size < MAGIC.length + TRAILER || text.decode(read(0, MAGIC.length)) !== text.decode(MAGIC))
    throw damaged('found another file')
  const [start = Number.NaN, length = Number.NaN] = text
    .decode(read(size - TRAILER, TRAILER))
    .trim()
    .split(/\s+/)
    .map(Number)
  if (
    !Number.isInteger(start) ||
    !Number.isInteger(length) ||
    length > LARGEST_INDEX ||
    start + length + TRAILER !== size
  )
    throw damaged('found one that is cut short')
  let data: unknown
  try {
    data = JSON.parse(text.decode(read(start, length)))
  } catch {
    throw damaged('found no index in it')
  }
  const { success, output: index } = safeParse(INDEX, data)
  if (!success) throw damaged('found an index of another kind')
  for (const value of index.results.flat()) {
    if (value.strings !== undefined) continue
    const { start: from = -1, bytes = -1, dtype, shape } = value
    const wrong =
      from < MAGIC.length ||
      from + bytes > start ||
      dtype === 'string' ||
      bytes !== byteLengthOf(dtype, elementCountOf(shape))
    if (wrong) throw damaged(`found "${value.name.slice(0, 80)}" outside of it`)
  }
  if (index.model !== key.model || index.samples !== key.samples) {
    closeSync(fd)
    const whose = index.model === key.model ? 'the same model on other samples' : 'another model'
    throw new TersorError('E_USAGE', `--float-outputs ${path}: holds what ${whose} gave`, {
      where: path,
      hint: 'name another file, or delete this one',
    })
  }
  const held = holder(read)
  return {
    results: (index.results as readonly (readonly StoredValue[])[]).map((values) => lazyFeeds(values, held(values))),
    ...(index.batch === undefined ? {} : { batch: index.batch }),
    ...(index.order === undefined ? {} : { order: { ...index.order, starts: new Set(index.order.starts) } }),
    runtime: index.runtime,
    close: () => closeSync(fd),
  }
}

type Read = (start: number, length: number) => Uint8Array

/** The values of one answer stay until those of another are looked at: every figure looks at them anew. */
function holder(read: Read): (values: readonly StoredValue[]) => Read {
  let held: { readonly of: readonly StoredValue[]; readonly bytes: Map<number, Uint8Array> } | undefined
  return (values) => (start, length) => {
    if (held?.of !== values) held = { of: values, bytes: new Map() }
    const bytes = held.bytes.get(start) ?? read(start, length)
    held.bytes.set(start, bytes)
    return bytes
  }
}

function lazyFeeds(values: readonly StoredValue[], read: Read): Feeds {
  return Object.fromEntries(
    values.map(({ name, dtype, shape, start = 0, bytes = 0, strings }): [string, Value] => [
      name,
      {
        dtype: dtype as Value['dtype'],
        shape,
        get data() {
          return strings ?? read(start, bytes)
        },
      },
    ]),
  )
}
