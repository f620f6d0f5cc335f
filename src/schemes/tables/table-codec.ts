import type { Codec, CodecKernel, Effort, Group, LevelTable, ParameterType } from '../../model/array-scheme.ts'
import { fitScale } from '../fitting/fit-scale.ts'
import { encodeNearest } from '../fitting/nearest-level.ts'
import { type PreparedTable, prepareTable, type Ties } from '../fitting/prepared-table.ts'
import { tableErrorBound } from './error-bound.ts'
import { fastTableScale } from './fast-table-scale.ts'
import { type ScaleKeeper, scaleKeeper } from './scale-keeper.ts'

export type TableScale = Extract<ParameterType, 'f32' | 'f16' | 'bf16' | 'e4m3fn' | 'e8m0'>

export interface TableOptions {
  /** Default: f32. With e4m3fn, the whole array has one more f32 scale, `tensorScale`, that multiplies all others. */
  readonly scale?: TableScale
  /** Scales of either sign; makes a difference to tables that are not symmetric. Not for e8m0. */
  readonly signed?: boolean
  /** Default: exact where a scale has few values (e8m0, e4m3fn) or the table up to 64 levels, else fast. */
  readonly effort?: Effort
  /** Default: bits. */
  readonly packing?: 'bits' | 'trits'
  /** Where a value midway between two levels goes; default: the lower level. */
  readonly ties?: Ties
  /** Value of each code under scale 1, where some are not written (negative zero, NaN); default: 0 for those. */
  readonly decoded?: Float32Array
  /** Code of negative zero: where given, what is negative and nearest to zero takes it, as in casts. Symmetric tables only. */
  readonly negativeZero?: number
  /** Twice every level is a level or beyond the last: spares searches of powers of two. */
  readonly nested?: boolean
  /** A closed form other than "nothing is clipped"; scales then are rounded to their type. f32, f16 and bf16 only. */
  readonly closed?: (values: Float32Array) => number
  /** Name of that form among the kernels' rules. */
  readonly rule?: CodecKernel['rule']
  /** Codes that another kernel writes; its scales are of the type above. */
  readonly kernel?: Omit<CodecKernel, 'halfScales'>
  /** The closed form is the least squared error already. */
  readonly best?: (values: Float32Array, importance: Float32Array | undefined) => number
}

/** Codes of any level table under a scale a group: value = fround(scale * level(code)). */
export function tableCodec(table: LevelTable, options: TableOptions = {}): Codec {
  const prepared = prepareTable(table, options.ties)
  const type = options.scale ?? 'f32'
  const decoded = options.decoded ?? valuesByCode(table)
  const keeper = scaleKeeper(prepared, type, options)
  const zeroCode = prepared.codes[prepared.zeroIndex]!
  const searched = options.best === undefined
  const kernel = kernelOf(prepared, type, options)
  return {
    levels: Math.max(decoded.length, 2),
    packing: options.packing ?? 'bits',
    vector: 1,
    exactZero: table.levels.includes(0),
    ...(kernel && { kernel }),
    parameters: [{ name: 'scales', type, count: 1 }],
    shared: type === 'e4m3fn' ? [{ name: 'tensorScale', type: 'f32', count: 1 }] : [],
    effort: options.effort ?? (searched ? keeper.effort : 'closed'),
    efforts: searched ? keeper.efforts : ['closed'],
    ...(keeper.fitShared && { fitShared: keeper.fitShared }),
    encode(group, codes, parameters, shared) {
      if (!group.fixed) parameters[0] = fitStored(group, keeper, options, shared)
      encodeNearest(group.values, keeper.effective(parameters[0]!, shared), prepared, codes)
      if (options.negativeZero !== undefined) signZeros(group.values, zeroCode, options.negativeZero, codes)
    },
    decode(codes, parameters, shared, values) {
      const scale = keeper.effective(parameters[0]!, shared)
      for (let i = 0; i < values.length; i++) values[i] = scale * decoded[codes[i]!]!
    },
    errorBound(parameters, shared, low, high) {
      return tableErrorBound(table.levels, keeper.effective(parameters[0]!, shared), low, high)
    },
  }

  function fitStored(
    group: Group,
    { round, fit }: ScaleKeeper,
    { best, closed, signed = false, nested = false }: TableOptions,
    shared: Float32Array,
  ): number {
    const { values, importance, effort } = group
    if (fit !== undefined) return fit(group, shared)
    if (best !== undefined) return finite(round(best(values, importance)), round)
    if (closed !== undefined && effort === 'closed') return finite(round(closed(values)), round)
    if (effort === 'fast') return finite(fastTableScale(values, importance, prepared, { signed, round, nested }), round)
    return finite(fitScale(values, importance, prepared, { effort, signed, round }), round)
  }

  /** The largest level must stay finite: next to the largest f32, rounding the scale up may have carried it beyond. */
  function finite(scale: number, round: (scale: number) => number): number {
    let stored = scale
    while (!Number.isFinite(Math.fround(stored * keeper.reach))) stored = round(stored * 0.99609375)
    return stored
  }
}

/** Tables of at most 16 levels whose codes all are levels; what a closed form is called follows from the function. */
function kernelOf(prepared: PreparedTable, type: TableScale, options: TableOptions): CodecKernel | undefined {
  const { levels } = prepared
  if (options.kernel)
    return ((type === 'f32' || type === 'f16') && { ...options.kernel, halfScales: type === 'f16' }) || undefined
  if ((type !== 'f32' && type !== 'f16') || levels.length > 16 || options.negativeZero !== undefined) return undefined
  if (options.decoded !== undefined || ((options.closed ?? options.best) !== undefined && options.rule === undefined))
    return undefined
  let bits = 1
  while (2 ** bits < levels.length) bits++
  const perByte = options.packing === 'trits' ? 5 : 8 / bits
  if (!Number.isInteger(perByte)) return undefined
  return {
    rule: options.rule ?? (options.signed ? 'signed' : 'reach'),
    up: Math.abs(levels.at(-1)!),
    down: Math.abs(levels[0]!),
    halfScales: type === 'f16',
    perByte: perByte as CodecKernel['perByte'],
    codes: { kind: 'levels', search: prepared },
  }
}

function signZeros(values: Float32Array, zero: number, negativeZero: number, codes: Uint16Array): void {
  for (let i = 0; i < values.length; i++) {
    if (codes[i] === zero && (values[i]! < 0 || Object.is(values[i], -0))) codes[i] = negativeZero
  }
}

function valuesByCode({ levels, codes }: LevelTable): Float32Array {
  if (codes === undefined) return levels
  const values = new Float32Array(codes.reduce((most, code) => Math.max(most, code), 0) + 1)
  for (const [index, level] of levels.entries()) values[codes[index]!] = level
  return values
}
