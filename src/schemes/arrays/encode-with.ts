import { TersorError } from '../../errors.ts'
import type {
  ArrayScheme,
  Codec,
  Group,
  ParameterArray,
  ParameterSpec,
  QuantizedArray,
} from '../../model/array-scheme.ts'
import { codeCount } from './code-count.ts'
import { eachGroup, type GroupRuns, groupCount, largestGroup } from './grouping.ts'
import { type ArrayOptions, type CheckedOptions, checkOptions } from './options.ts'
import { storeParameters, totalCount } from './parameters.ts'
import type { Storage } from './storage.ts'

/**
 * Codes of `values` (any dimensions, row-major; doubles are rounded to f32 first). Throws E_NONFINITE with the index of the first
 * value that is not finite, E_USAGE for options that do not fit.
 */
export function encodeWith(
  storage: Storage,
  values: ArrayLike<number>,
  scheme: ArrayScheme,
  options: ArrayOptions,
): QuantizedArray {
  const floats = finiteFloats(values)
  const checked = checkOptions(scheme, floats.length, options)
  const { codec, grouping } = scheme
  const groups = groupCount(checked.shape, grouping)
  const most = largestGroup(checked.shape, grouping)
  const arrays = codec.parameters.map(({ type, count }) => storage.parameters(type, count * groups))
  const sharedArrays = codec.shared.map(({ type, count }) => storage.parameters(type, count))
  const shared = new Float32Array(totalCount(codec.shared))
  const given = options.grid && givenGrid(storage, options.grid, codec, groups)
  if (given) shared.set(given.shared)
  else codec.fitShared?.(floats, checked.effort, shared, most)
  storeParameters(storage, codec.shared, sharedArrays, 0, shared)

  const codes = new Uint16Array(codeCount(scheme, checked.shape))
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
    storeParameters(storage, codec.parameters, arrays, runs.index, parameters)
    if (codec.vector === 1) scatter(target, runs, codes)
    else codes.set(target, next)
    next += target.length
  })
  return {
    scheme: scheme.id,
    shape: checked.shape,
    codes: storage.pack(codec, codes),
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

function givenGrid(storage: Storage, grid: NonNullable<ArrayOptions['grid']>, codec: Codec, groups: number): GivenGrid {
  const names = [...codec.parameters, ...codec.shared].map(({ name }) => name)
  for (const name of Object.keys(grid)) {
    if (!names.includes(name)) {
      throw new TersorError('E_USAGE', `expected a grid of ${names.join(', ')}, found "${name}"`)
    }
  }
  const rows = Array.from({ length: groups }, (_, index) => {
    const target = new Float32Array(totalCount(codec.parameters))
    fill(storage, target, codec.parameters, grid, index, groups)
    return target
  })
  const shared = new Float32Array(totalCount(codec.shared))
  fill(storage, shared, codec.shared, grid, 0, 1)
  return { shared, ofGroup: (index) => rows[index] as Float32Array }
}

function fill(
  storage: Storage,
  target: Float32Array,
  specs: readonly ParameterSpec[],
  grid: NonNullable<ArrayOptions['grid']>,
  group: number,
  groups: number,
): void {
  let at = 0
  for (const spec of specs) {
    const given = grid[spec.name]
    if (given === undefined) throw new TersorError('E_USAGE', `the grid lacks "${spec.name}"`)
    const many = typeof given !== 'number'
    if (many && given.length !== spec.count * groups && given.length !== spec.count) {
      throw new TersorError('E_USAGE', `expected ${spec.count * groups} ${spec.name}, found ${given.length}`)
    }
    for (let i = 0; i < spec.count; i++) {
      const position = many && given.length === spec.count * groups ? group * spec.count + i : i
      target[at++] = exactly(storage, spec, many ? (given[position] as number) : given)
    }
  }
}

/** A given parameter must be one that its stored type holds. f32 and narrower floats are rounded by the caller. */
function exactly(storage: Storage, { name, type }: ParameterSpec, value: number): number {
  const array = storage.parameters(type, 1)
  const rounded = Math.fround(value)
  try {
    storage.store(array, type, 0, rounded)
  } catch {
    // Told below, with the name.
  }
  if (Number.isFinite(rounded) && storage.load(array, type, 0) === rounded) return rounded
  throw new TersorError('E_USAGE', `${name} of ${value} cannot be stored as ${type}`)
}

function named(specs: readonly ParameterSpec[], arrays: readonly ParameterArray[]): Record<string, ParameterArray> {
  return Object.fromEntries(specs.map(({ name }, index) => [name, arrays[index] as ParameterArray]))
}

function finiteFloats(values: ArrayLike<number>): Float32Array {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values)
  for (let i = 0; i < floats.length; i++) {
    if (Number.isFinite(floats[i] as number)) continue
    throw new TersorError('E_NONFINITE', `value ${i} is ${values[i]}; expected finite numbers within f32`, {
      hint: 'replace it before quantizing',
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
