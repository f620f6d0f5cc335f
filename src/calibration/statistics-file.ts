import { zipSync } from 'fflate'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import type { Value } from '../model/runtime.ts'
import type { ChannelStatistics, Statistics, ValueStatistics } from '../model/statistics.ts'
import { openNpy, writeNpy } from './npy.ts'
import type { ArrayPart, StatisticsHeader, ValueHeader } from './statistics-header.ts'
import { FORMAT, OBSERVERS, parseHeader, VERSION } from './statistics-header.ts'
import { readZip } from './zip.ts'

/*
 * A statistics file is a zip archive:
 *   1. statistics.json   what there is: model, labels, values and the length of each one's parts
 *   2. counts.npy        f64: the filled bins of all histograms, one after the other
 *   3. samples.npy       f32: least and greatest value of each sample
 *   4. channel-ranges.npy  f32: per value all minima, then all maxima
 *   5. channel-sums.npy    f64: per value all sums, all sums of squares, and what makes either exact
 *   6. array-0.npy ...     further arrays, by the names that statistics.json lists
 *   7. part-0.statistics ...  files like this one of other graphs, by the names that statistics.json lists
 * NumPy opens it as an .npz. The same statistics give the same bytes.
 */
const JSON_NAME = 'statistics.json'
const PARTS: readonly ArrayPart[] = ['counts', 'samples', 'channel-ranges', 'channel-sums']
const JSON_LIMIT = 67_108_864
const ARRAY_LIMIT = 1_000_000_000

export function writeStatistics(statistics: Statistics): Uint8Array {
  const parts = new Map<ArrayPart, (Float64Array | Float32Array)[]>(PARTS.map((part) => [part, []]))
  const put = (part: ArrayPart, array: Float64Array | Float32Array): void => void parts.get(part)!.push(array)
  const values = [...statistics.values].map(([name, value]): ValueHeader => {
    const [first, end] = filled(value.counts)
    put('counts', value.counts.subarray(first, end))
    put('samples', value.samples)
    const { channels } = value
    if (channels) {
      put('channel-ranges', channels.min)
      put('channel-ranges', channels.max)
      put('channel-sums', channels.sum)
      put('channel-sums', channels.squares)
      for (const array of [...(channels.rest?.sum ?? []), ...(channels.rest?.squares ?? [])]) put('channel-sums', array)
    }
    return {
      name,
      // Nothing seen has no range that JSON could hold.
      range: value.count > 0 ? [value.min, value.max] : null,
      count: value.count,
      zeros: value.zeros,
      bins: value.counts.length,
      exponent: value.exponent,
      filled: [first, end - first],
      samples: value.samples.length / 2,
      channels: channels
        ? {
            axis: channels.axis,
            length: channels.min.length,
            count: channels.count,
            rests: [channels.rest?.sum.length ?? 0, channels.rest?.squares.length ?? 0],
          }
        : null,
    }
  })
  const header: StatisticsHeader = {
    format: FORMAT,
    version: VERSION,
    observers: OBSERVERS,
    model: statistics.model,
    unfinished: statistics.unfinished ?? false,
    synthetic: statistics.synthetic ?? false,
    labels: statistics.labels,
    carried: statistics.carried,
    skipped: [...statistics.skipped],
    digests: statistics.digests ?? null,
    choices: statistics.choices ? [...statistics.choices] : null,
    arrays: [...(statistics.arrays?.keys() ?? [])],
    parts: [...(statistics.parts?.keys() ?? [])],
    values,
  }
  const members: Record<string, Uint8Array | [Uint8Array, { level: 0 }]> = {
    [JSON_NAME]: new TextEncoder().encode(`${JSON.stringify(header)}\n`),
  }
  for (const part of PARTS) members[`${part}.npy`] = npyOf(parts.get(part)!, part)
  for (const [at, value] of [...(statistics.arrays?.values() ?? [])].entries())
    members[`array-${at}.npy`] = writeNpy(value)
  for (const [at, part] of [...(statistics.parts?.values() ?? [])].entries())
    members[`part-${at}.statistics`] = [writeStatistics(part), { level: 0 }]
  return zipSync(members, { level: 6, mtime: new Date(1980, 0, 1), os: 0 })
}

/** E_FORMAT for what is no statistics file or contradicts itself, E_LIMIT for what is too large to be one. */
export function readStatistics(source: ByteSource): Promise<Statistics> {
  return statisticsIn(source, true)
}

async function statisticsIn(source: ByteSource, whole: boolean): Promise<Statistics> {
  const { label } = source
  const members = new Map((await readZip(source)).map((member) => [member.name, member]))
  const open = async (name: string, limit: number): Promise<ByteSource> => {
    const member = members.get(name)
    if (member === undefined) {
      throw new TersorError('E_FORMAT', `${label}: expected a statistics file, found no "${name}" in it`, {
        where: label,
      })
    }
    if (member.byteLength > limit) {
      throw new TersorError(
        'E_LIMIT',
        `${label}: "${name}" has ${member.byteLength} bytes; at most ${limit} are read`,
        {
          where: label,
        },
      )
    }
    return member.open()
  }
  const json = await open(JSON_NAME, JSON_LIMIT)
  const header = parseHeader(await json.read(0, json.byteLength), label)
  const takers = new Map<ArrayPart, Taker>()
  for (const part of PARTS) {
    takers.set(part, await takerOf(await open(`${part}.npy`, ARRAY_LIMIT), part, label))
  }
  const take = (part: ArrayPart, length: number): Float64Array | Float32Array => takers.get(part)!.take(length)
  const values = new Map<string, ValueStatistics>()
  for (const value of header.values) values.set(value.name, statisticsOf(value, take, label))
  for (const taker of takers.values()) taker.finish()
  const arrays = new Map<string, Value>()
  for (const [at, name] of header.arrays.entries()) {
    const value = await (await openNpy(await open(`array-${at}.npy`, ARRAY_LIMIT))).all()
    arrays.set(name, value.data instanceof Uint8Array ? { ...value, data: value.data.slice() } : value)
  }
  const parts = new Map<string, Statistics>()
  if (!whole && header.parts.length > 0)
    throw new TersorError('E_FORMAT', `${label}: a part of a statistics file has parts of its own`, { where: label })
  for (const [at, name] of header.parts.entries())
    parts.set(name, await statisticsIn(await open(`part-${at}.statistics`, ARRAY_LIMIT), false))
  const { model, labels, carried, digests, choices } = header
  return {
    model,
    labels,
    carried,
    skipped: new Map(header.skipped),
    values,
    ...(digests === null ? {} : { digests }),
    ...(header.synthetic ? { synthetic: true as const } : {}),
    ...(header.unfinished ? { unfinished: true as const } : {}),
    ...(choices === null ? {} : { choices: new Map(choices) }),
    ...(arrays.size > 0 ? { arrays } : {}),
    ...(parts.size > 0 ? { parts } : {}),
  }
}

function statisticsOf(
  header: ValueHeader,
  take: (part: ArrayPart, length: number) => Float64Array | Float32Array,
  label: string,
): ValueStatistics {
  const { name, count, zeros, bins, exponent } = header
  const wrong = (what: string) => new TersorError('E_FORMAT', `${label}: value "${name}": ${what}`, { where: label })
  const [first, length] = header.filled
  // Taken before a histogram is made: what the file does not hold is not allocated.
  const held = take('counts', length)
  const samples = take('samples', 2 * header.samples) as Float32Array
  const counts = new Float64Array(bins)
  let total = 0
  for (let bin = 0; bin < length; bin++) {
    if (!Number.isSafeInteger(held[bin]!) || held[bin]! < 0) throw wrong(`a bin counts ${held[bin]}`)
    total += held[bin]!
    counts[first + bin] = held[bin]!
  }
  if (total !== count) throw wrong(`expected bins that add up to ${count}, found ${total}`)
  if (zeros > counts[bins / 2]!) throw wrong(`expected at most ${counts[bins / 2]} zeros, found ${zeros}`)
  const [min, max] = header.range ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let at = 0; at < samples.length; at += 2) {
    const [low, high] = [samples[at]!, samples[at + 1]!]
    const none = low === Number.POSITIVE_INFINITY && high === Number.NEGATIVE_INFINITY
    if (!none && !(low >= min && low <= high && high <= max)) throw wrong(`a sample from ${low} to ${high}`)
  }
  return {
    min,
    max,
    count,
    zeros,
    exponent,
    counts,
    samples: samples.slice(),
    ...(header.channels === null ? {} : { channels: channelsOf(header.channels, take, wrong) }),
  }
}

function channelsOf(
  { axis, length, count, rests }: NonNullable<ValueHeader['channels']>,
  take: (part: ArrayPart, length: number) => Float64Array | Float32Array,
  wrong: (what: string) => TersorError,
): ChannelStatistics {
  const finite = <T extends Float32Array | Float64Array>(part: ArrayPart): T => {
    const array = take(part, length)
    for (const number of array) if (!Number.isFinite(number)) throw wrong(`a channel holds ${number}`)
    return array.slice() as T
  }
  const [min, max] = [finite<Float32Array>('channel-ranges'), finite<Float32Array>('channel-ranges')]
  const sums = (): Float64Array => finite<Float64Array>('channel-sums')
  const [sum, squares] = [sums(), sums()]
  const rest = { sum: Array.from({ length: rests[0] }, sums), squares: Array.from({ length: rests[1] }, sums) }
  return { axis, count, min, max, sum, squares, ...(rests[0] + rests[1] > 0 ? { rest } : {}) }
}

interface Taker {
  take(length: number): Float64Array | Float32Array
  /** E_FORMAT when something is left. */
  finish(): void
}

async function takerOf(source: ByteSource, part: ArrayPart, label: string): Promise<Taker> {
  const array = await openNpy(source)
  const wanted = dtypeOf(part)
  if (array.dtype !== wanted || array.shape.length !== 1) {
    throw new TersorError(
      'E_FORMAT',
      `${label}: "${part}.npy": expected ${wanted} in one dimension, found ${array.dtype} [${array.shape.join(', ')}]`,
      { where: label },
    )
  }
  const bytes = ((await array.all()).data as Uint8Array).slice()
  const all = wanted === 'f64' ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer)
  const mismatch = () =>
    new TersorError('E_FORMAT', `${label}: "${part}.npy" does not hold as many elements as the values say`, {
      where: label,
    })
  let at = 0
  return {
    take(length) {
      if (at + length > all.length) throw mismatch()
      at += length
      return all.subarray(at - length, at)
    },
    finish() {
      if (at !== all.length) throw mismatch()
    },
  }
}

function dtypeOf(part: ArrayPart): 'f64' | 'f32' {
  return part === 'counts' || part === 'channel-sums' ? 'f64' : 'f32'
}

/** First bin that counts something, and the one after the last. */
function filled(counts: Float64Array): readonly [number, number] {
  let first = 0
  let end = counts.length
  while (first < end && counts[first] === 0) first++
  while (end > first && counts[end - 1] === 0) end--
  return [first < end ? first : 0, first < end ? end : 0]
}

function npyOf(arrays: readonly (Float64Array | Float32Array)[], part: ArrayPart): Uint8Array {
  const length = arrays.reduce((sum, array) => sum + array.length, 0)
  const all = dtypeOf(part) === 'f64' ? new Float64Array(length) : new Float32Array(length)
  let at = 0
  for (const array of arrays) {
    all.set(array, at)
    at += array.length
  }
  return writeNpy({ dtype: dtypeOf(part), shape: [length], data: new Uint8Array(all.buffer) })
}
