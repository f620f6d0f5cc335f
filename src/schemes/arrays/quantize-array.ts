import { TersorError } from '../../errors.ts'
import type {
  ArrayScheme,
  Codec,
  Group,
  ParameterArray,
  ParameterSpec,
  QuantizedArray,
} from '../../model/array-scheme.ts'
import { packBits, packedBitsLength } from '../../numbers/pack-bits.ts'
import { packedTritsLength, packTrits } from '../../numbers/pack-trits.ts'
import { eachGroup, type GroupRuns, groupCount, largestGroup } from './grouping.ts'
import { type ArrayOptions, type CheckedOptions, checkOptions } from './options.ts'
import { parameterArray, storeParameters, totalCount } from './parameter-store.ts'

/** Bits of one stored code: whole ones, or 8/5 where five digits share a byte. */
export function codeBits(codec: Codec): number {
  if (codec.packing === 'trits') return 1.6
  let bits = 1
  while (2 ** bits < codec.levels) bits++
  return bits
}

/** Codes of an array: one per value, or per vector of a group. */
export function codeCount(scheme: ArrayScheme, shape: readonly number[]): number {
  let count = 0
  eachGroup(shape, scheme.grouping, ({ rows, columns }) => {
    count += Math.ceil((rows * columns) / scheme.codec.vector)
  })
  return count
}

/**
 * Codes of `values` (any dimensions, row-major; doubles are rounded to f32 first). Throws E_NONFINITE with the index of the first
 * value that is not finite, E_USAGE for options that do not fit.
 */
export function encodeArray(
  values: ArrayLike<number>,
  scheme: ArrayScheme,
  options: ArrayOptions = {},
): QuantizedArray {
  const floats = finiteFloats(values)
  const checked = checkOptions(scheme, floats.length, options)
  const { codec, grouping } = scheme
  const groups = groupCount(checked.shape, grouping)
  const arrays = codec.parameters.map(({ type, count }) => parameterArray(type, count * groups))
  const sharedArrays = codec.shared.map(({ type, count }) => parameterArray(type, count))
  const shared = new Float32Array(totalCount(codec.shared))
  const given = options.grid && givenGrid(options.grid, codec, groups)
  if (given) shared.set(given.shared)
  else codec.fitShared?.(floats, checked.effort, shared)
  storeParameters(codec.shared, sharedArrays, 0, shared)

  const codes = new Uint16Array(codeCount(scheme, checked.shape))
  const most = largestGroup(checked.shape, grouping)
  const buffers = { codes: new Uint16Array(Math.ceil(most / codec.vector)), values: new Float32Array(most) }
  const weights = checked.importance && new Float32Array(most)
  const parameters = new Float32Array(totalCount(codec.parameters))
  const group = groupFor(checked)
  let next = 0
  let before = 0
  eachGroup(checked.shape, grouping, (runs) => {
    const count = runs.rows * runs.columns
    group.values = gather(floats, runs, buffers.values)
    if (checked.importance && weights) group.importance = gather(checked.importance, runs, weights)
    group.first = before
    before += count
    group.fixed = given !== undefined
    const target = buffers.codes.subarray(0, Math.ceil(count / codec.vector))
    if (given) parameters.set(given.ofGroup(runs.index))
    else if (checked.range) fitToRange(codec, group, checked.range, parameters, shared)
    codec.encode(group, target, parameters, shared)
    storeParameters(codec.parameters, arrays, runs.index, parameters)
    if (codec.vector === 1) scatter(target, runs, codes)
    else codes.set(target, next)
    next += target.length
  })
  return {
    scheme: scheme.id,
    shape: checked.shape,
    codes: packAll(codec, codes),
    parameters: { ...named(codec.parameters, arrays), ...named(codec.shared, sharedArrays) },
  }
}

function groupFor({ effort, rounding, seed }: CheckedOptions): Group {
  return { values: new Float32Array(0), importance: undefined, effort, rounding, seed, first: 0, fixed: false }
}

/** The closed form of a group that holds the ends of the range, then codes on that grid. */
function fitToRange(
  codec: Codec,
  group: Group,
  range: Float32Array,
  parameters: Float32Array,
  shared: Float32Array,
): void {
  const ends: Group = { ...group, values: range, importance: undefined, effort: 'closed', fixed: false }
  codec.encode(ends, new Uint16Array(2), parameters, shared)
  group.fixed = true
}

interface GivenGrid {
  readonly shared: Float32Array
  ofGroup(index: number): Float32Array
}

function givenGrid(grid: NonNullable<ArrayOptions['grid']>, codec: Codec, groups: number): GivenGrid {
  const names = [...codec.parameters, ...codec.shared].map(({ name }) => name)
  for (const name of Object.keys(grid)) {
    if (!names.includes(name)) {
      throw new TersorError('E_USAGE', `expected a grid of ${names.join(', ') || 'nothing'}, found "${name}"`)
    }
  }
  const rows = Array.from({ length: groups }, (_, index) => {
    const target = new Float32Array(totalCount(codec.parameters))
    fill(target, codec.parameters, grid, index, groups)
    return target
  })
  const shared = new Float32Array(totalCount(codec.shared))
  fill(shared, codec.shared, grid, 0, 1)
  return { shared, ofGroup: (index) => rows[index] as Float32Array }
}

function fill(
  target: Float32Array,
  specs: readonly ParameterSpec[],
  grid: NonNullable<ArrayOptions['grid']>,
  group: number,
  groups: number,
): void {
  let at = 0
  for (const spec of specs) {
    const given = grid[spec.name]
    if (given === undefined) throw new TersorError('E_USAGE', `the given grid lacks "${spec.name}"`)
    const many = typeof given !== 'number'
    if (many && given.length !== spec.count * groups && given.length !== spec.count) {
      throw new TersorError('E_USAGE', `expected ${spec.count * groups} ${spec.name}, found ${given.length}`)
    }
    for (let i = 0; i < spec.count; i++) {
      const position = many && given.length === spec.count * groups ? group * spec.count + i : i
      target[at++] = exactly(spec, many ? (given[position] as number) : given)
    }
  }
}

/** A given parameter must be one that its stored type holds. f32 and narrower floats are rounded by the caller. */
function exactly(spec: ParameterSpec, value: number): number {
  const array = parameterArray(spec.type, spec.count)
  const single = { ...spec, count: 1 }
  try {
    storeParameters([single], [array], 0, Float32Array.of(value))
  } catch {
    throw new TersorError('E_USAGE', `${spec.name} of ${value} cannot be stored as ${spec.type}`)
  }
  if (!Number.isFinite(value)) throw new TersorError('E_USAGE', `expected finite ${spec.name}, found ${value}`)
  return Math.fround(value)
}

function named(specs: readonly ParameterSpec[], arrays: readonly ParameterArray[]): Record<string, ParameterArray> {
  return Object.fromEntries(specs.map(({ name }, index) => [name, arrays[index] as ParameterArray]))
}

function finiteFloats(values: ArrayLike<number>): Float32Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values)
  for (let i = 0; i < floats.length; i++) {
    if (Number.isFinite(floats[i] as number)) continue
    throw new TersorError('E_NONFINITE', `value ${i} is ${values[i]}; expected finite numbers within f32`, {
      hint: 'replace it before quantizing: no scale fits infinity, and NaN has no code',
    })
  }
  return floats
}

function gather(source: Float32Array, { start, rows, columns, stride }: GroupRuns, buffer: Float32Array): Float32Array {
  if (rows === 1) return source.subarray(start, start + columns)
  let at = 0
  for (let row = 0, from = start; row < rows; row++, from += stride) {
    for (let i = 0; i < columns; i++) buffer[at++] = source[from + i] as number
  }
  return buffer.subarray(0, at)
}

function scatter(codes: Uint16Array, { start, rows, columns, stride }: GroupRuns, target: Uint16Array): void {
  let at = 0
  for (let row = 0, to = start; row < rows; row++, to += stride) {
    for (let i = 0; i < columns; i++) target[to + i] = codes[at++] as number
  }
}

function packAll(codec: Codec, codes: Uint16Array): Uint8Array {
  if (codec.packing === 'trits') return packTrits(codes, new Uint8Array(packedTritsLength(codes.length)))
  const bits = codeBits(codec)
  return packBits(codes, bits, new Uint8Array(packedBitsLength(codes.length, bits)))
}
