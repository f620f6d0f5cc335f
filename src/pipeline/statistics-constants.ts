import { TersorError } from '../errors.ts'
import type { StaticWeight } from '../model/activation.ts'
import type { Value } from '../model/runtime.ts'
import type { Json, Statistics } from '../model/statistics.ts'
import type { StaticConstants, WeightFigures } from './static/static-weights.ts'

/*
 * Codes, scales and biases that were fitted by running the model are kept with its statistics, as far as they differ from what
 * follows from the statistics alone. Their arrays are called KEY/codes/NAME, KEY/scales/NAME and KEY/bias/NAME.
 */

const MARK = 'constants of '

/** The same statistics with what `refined` has beyond `plain`; what was kept under this key before is forgotten. */
export function withConstants(
  statistics: Statistics,
  key: string,
  plain: StaticConstants,
  refined: StaticConstants,
): Statistics {
  const { arrays: before = new Map<string, Value>() } = statistics
  const arrays = new Map([...before].filter(([name]) => !name.startsWith(`${key}/`)))
  const figures: [string, Json][] = []
  for (const [name, weight] of refined.weights) {
    const other = plain.weights.get(name)
    const { codes, scales } = weight
    if (other && equal(bytesOf(other), bytesOf(weight)) && equal(bytesIn(other.scales), bytesIn(scales))) continue
    const { dtype, shape } = codes
    arrays.set(`${key}/codes/${name}`, { dtype, shape, data: bytesOf(weight).slice() })
    arrays.set(`${key}/scales/${name}`, floats(scales))
    figures.push([name, jsonOf(refined.figures.get(name))])
  }
  for (const [name, bias] of refined.biases) {
    const other = plain.biases.get(name)
    if (!other || !equal(bytesIn(other), bytesIn(bias))) arrays.set(`${key}/bias/${name}`, floats(bias))
  }
  return { ...statistics, arrays, choices: new Map([...(statistics.choices ?? []), [MARK + key, figures]]) }
}

/**
 * What was kept under this key, laid over what follows from the statistics alone; undefined when nothing was kept. The function
 * throws E_FORMAT where the file does not fit the model.
 */
export function constantsIn(
  statistics: Statistics,
  key: string,
): ((plain: StaticConstants) => StaticConstants) | undefined {
  const kept = statistics.choices?.get(MARK + key)
  if (kept === undefined) return undefined
  return (plain) => {
    const weights = new Map(plain.weights)
    const biases = new Map(plain.biases)
    const figures = new Map(plain.figures)
    for (const [name, value] of statistics.arrays ?? []) {
      const [what, called] = partsOf(name, key)
      if (what === 'codes') weights.set(called, weightOf(called, value, statistics, key, weights.get(called)))
      if (what === 'bias') biases.set(called, biasOf(called, value, biases.get(called)))
    }
    for (const entry of Array.isArray(kept) ? kept : [null]) {
      const [name, figure] = Array.isArray(entry) ? entry : []
      const known = typeof name === 'string' ? figures.get(name) : undefined
      if (typeof name !== 'string' || known === undefined) throw unfit('figures')
      figures.set(name, figuresOf(figure as Json, known))
    }
    return { ...plain, weights, biases, figures }
  }
}

function partsOf(name: string, key: string): readonly [string, string] {
  if (!name.startsWith(`${key}/`)) return ['', '']
  const rest = name.slice(key.length + 1)
  const at = rest.indexOf('/')
  return [rest.slice(0, at), rest.slice(at + 1)]
}

function weightOf(
  name: string,
  codes: Value,
  { arrays }: Statistics,
  key: string,
  plain: StaticWeight | undefined,
): StaticWeight {
  const scales = arrays?.get(`${key}/scales/${name}`)
  const shape = plain?.codes.shape ?? []
  const fits =
    plain !== undefined &&
    scales?.dtype === 'f32' &&
    (codes.dtype === 'i8' || codes.dtype === 'u8') &&
    String(codes.shape) === String(shape) &&
    String(scales.shape) === String([plain.scales.length])
  if (!fits) throw unfit(name)
  const made = singles(scales)
  if (!made.every((scale) => Number.isFinite(scale) && scale > 0)) throw unfit(name)
  const bytes = codes.data as Uint8Array
  const storage = { kind: 'bytes', bytes, byteLength: bytes.length } as const
  return { ...plain, codes: { ...plain.codes, dtype: codes.dtype, storage }, scales: made }
}

function biasOf(name: string, value: Value, plain: Float32Array | undefined): Float32Array {
  if (value.dtype !== 'f32' || plain === undefined || String(value.shape) !== String([plain.length])) throw unfit(name)
  const bias = singles(value)
  if (!bias.every(Number.isFinite)) throw unfit(name)
  return bias
}

/** Numbers that are not finite have no JSON. */
function jsonOf(figures: WeightFigures | undefined): Json {
  return Object.fromEntries(
    Object.entries(figures ?? {}).map(([name, value]): [string, Json] => [
      name,
      typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : (value as Json),
    ]),
  )
}

function figuresOf(json: Json, known: WeightFigures): WeightFigures {
  const read = Object.entries((json ?? {}) as Record<string, Json>).map(([name, value]): [string, unknown] => {
    const number = value !== null && typeof value === 'object' && 'number' in value ? Number(value.number) : value
    return [name, number]
  })
  const figures = { ...known, ...Object.fromEntries(read) }
  for (const [name, value] of Object.entries(known))
    if (typeof figures[name as keyof WeightFigures] !== typeof value) throw unfit(`figures, ${name}`)
  return figures
}

function unfit(what: string): TersorError {
  return new TersorError('E_FORMAT', `the statistics hold fitted weights that do not fit this model: ${what}`, {
    where: what,
    hint: 'collect them again: delete the file or name another one',
  })
}

function bytesOf({ codes }: StaticWeight): Uint8Array {
  return codes.storage.kind === 'bytes' ? codes.storage.bytes : new Uint8Array(0)
}

function bytesIn({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function floats(values: Float32Array): Value {
  return { dtype: 'f32', shape: [values.length], data: bytesIn(values).slice() }
}

function singles({ data }: Value): Float32Array {
  return new Float32Array((data as Uint8Array).slice().buffer)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
