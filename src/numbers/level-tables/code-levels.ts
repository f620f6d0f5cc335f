import { TersorError } from '../../errors.ts'
import type { LevelTable } from '../../model/array-scheme.ts'
import type { CodedSpec } from '../../model/packing.ts'
import { additivePowersTable } from './additive-powers.ts'
import { floatTable, type ScaledFloat } from './floats.ts'
import { FP4_CODES, FP4_LEVELS, FP4_THRESHOLDS } from './fp4.ts'
import { IQ4NL_LEVELS } from './iq4nl.ts'
import { NF2_LEVELS, NF3_LEVELS, NF4_LEVELS, NF4_THRESHOLDS } from './normal-float.ts'
import { shiftTable } from './shift.ts'

/** Levels that codes of a weight stand for, and what the search for the nearest one needs. Shared: never changed. */
export interface CodeLevels {
  /** Ascending, 2 to 256. */
  readonly levels: Float32Array
  /** Code of each level. */
  readonly codes: Uint8Array
  /** Level of every code of 8 bits; 0 where a code has none. */
  readonly decoded: Float32Array
  /** Index of the level of every code; that of the level nearest 0 where a code has none. */
  readonly indices: Uint8Array
  /** t above entry i belongs to a level behind i. Padded with Infinity to a power of two. */
  readonly thresholds: Float64Array
  /** Index of the level nearest 0. */
  readonly zero: number
  /** The negative of every level is a level. */
  readonly mirrored: boolean
}

const FLOATS: ReadonlySet<string> = new Set<ScaledFloat>([
  ...(['e2m1', 'e2m3', 'e3m2', 'e4m3fn', 'e4m3fnuz', 'e4m3b11', 'e5m2', 'e5m2fnuz'] as const),
])

/** Names of tables, one spelling each: what stands in front of the granularity in a scheme id. */
export const TABLE_NAMES: readonly string[] = [
  ...['nf4', 'nf3', 'nf2', 'fp4', 'iq4nl', 'int3', 'int5', 'int6', 'int7'],
  ...FLOATS,
  ...[2, 3, 4, 5, 6].map((bits) => `shift${bits}`),
  ...[1, 2, 3, 4, 5, 6].map((bits) => `shift${bits}nz`),
  ...[3, 4, 5, 6, 7].map((bits) => `apot${bits}`),
]

const known = new Map<string, CodeLevels>()

/** Levels of a scheme; null for evenly spaced codes, of which all are used. */
export function codeLevels(spec: CodedSpec): CodeLevels | null {
  const name = spec.family === 'levels' ? spec.table : spec.only
  if (name === undefined) return null
  const found = known.get(name) ?? made(name)
  if (!found) throw new TersorError('E_INTERNAL', `no levels are called "${name}"`)
  known.set(name, found)
  return found
}

/** Bits of the codes of a table; undefined where there is none of this name. */
export function tableBits(name: string): number | undefined {
  if (!TABLE_NAMES.includes(name)) return undefined
  const count = (tableOf(name) as LevelTable).levels.length
  let bits = 1
  while (2 ** bits < count) bits++
  return bits
}

function made(name: string): CodeLevels | null {
  if (name === 'ternary') return levelsOf({ levels: Float32Array.of(-1, 0, 1), codes: Uint16Array.of(1, 2, 3) })
  if (name === 'binary') return levelsOf({ levels: Float32Array.of(-1, 1), codes: Uint16Array.of(1, 3) })
  const table = tableOf(name)
  // These two are rounded as bitsandbytes and onnxruntime do it, ties and all.
  return table && levelsOf(table, name === 'fp4' ? FP4_THRESHOLDS : name === 'nf4' ? NF4_THRESHOLDS : undefined)
}

function tableOf(name: string): LevelTable | null {
  switch (name) {
    case 'nf4':
      return { levels: NF4_LEVELS }
    case 'nf3':
      return { levels: NF3_LEVELS }
    case 'nf2':
      return { levels: NF2_LEVELS }
    case 'fp4':
      return { levels: FP4_LEVELS, codes: FP4_CODES }
    case 'iq4nl':
      return { levels: IQ4NL_LEVELS }
  }
  if (FLOATS.has(name)) return floatTable(name as ScaledFloat)
  const [, family = '', digit = '', nonZero = ''] = /^(int|shift|apot)([1-7])(nz)?$/.exec(name) ?? []
  const bits = Number(digit)
  if (family === 'shift') return shiftTable(bits, nonZero === '')
  if (family === 'apot') return additivePowersTable(bits)
  if (family !== 'int') return null
  return { levels: Float32Array.from({ length: 2 ** bits }, (_, code) => code - 2 ** (bits - 1)) }
}

function levelsOf({ levels, codes }: LevelTable, given?: Float64Array): CodeLevels {
  const count = levels.length
  const own = Uint8Array.from(codes ?? levels.keys())
  let padded = 1
  while (padded < count) padded *= 2
  const thresholds = new Float64Array(padded).fill(Number.POSITIVE_INFINITY)
  for (let i = 0; i + 1 < count; i++) thresholds[i] = given?.[i] ?? (levels[i]! + levels[i + 1]!) / 2
  let zero = 0
  for (let i = 1; i < count; i++) if (Math.abs(levels[i]!) <= Math.abs(levels[zero]!)) zero = i
  const decoded = new Float32Array(256)
  const indices = new Uint8Array(256).fill(zero)
  own.forEach((code, index) => {
    decoded[code] = levels[index]!
    indices[code] = index
  })
  const mirrored = levels.every((level, index) => level === -levels[count - 1 - index]!)
  return { levels, codes: own, decoded, indices, thresholds, zero, mirrored }
}

/** Index of the level nearest `t`, a value in units of the scale. NaN takes the first. */
export function nearestIndex({ thresholds }: CodeLevels, t: number): number {
  let index = 0
  for (let half = thresholds.length >>> 1; half > 0; half >>>= 1) if (t > thresholds[index + half - 1]!) index += half
  return index
}
