import type { LevelSearch, SmallFloatFormat } from './kernels.ts'

/**
 * Which values of an array share parameters. Rows are runs along the last dimension; a row never shares a block with the
 * next one, so the last block of a row may be shorter.
 */
export type Grouping =
  | { readonly kind: 'tensor' }
  /** One group per index of the kept axis. */
  | { readonly kind: 'channel'; readonly axis: number }
  /** One group per run along the last dimension. */
  | { readonly kind: 'row' }
  /** One group per index of the last dimension. */
  | { readonly kind: 'column' }
  | { readonly kind: 'block'; readonly size: number }
  /** Two-dimensional blocks over rows and last dimension; edges may be smaller. */
  | { readonly kind: 'tile'; readonly rows: number; readonly columns: number }

/** How a parameter is stored. `u3`, `u4` and `u6` are packed, lowest bits first. */
export type ParameterType = 'f32' | 'f16' | 'bf16' | 'e4m3fn' | 'e8m0' | 'u16' | 'u8' | 'i8' | 'u6' | 'u4' | 'u3'

export interface ParameterSpec {
  /** Key in `QuantizedArray.parameters`: 'scales', 'zeros', 'offsets', 'table', ... */
  readonly name: string
  readonly type: ParameterType
  /** Values a group (or, if shared, the array) has of it. */
  readonly count: number
}

/**
 * How hard an encoder looks: `closed` is a formula, `fast` a grid of candidates with least squares, `exact` the least
 * squared error that any parameters of the format can reach.
 */
export type Effort = 'closed' | 'fast' | 'exact'

export type CodeRounding = 'half-even' | 'half-away' | 'floor' | 'truncate' | 'stochastic'

/** One group on its way to codes. The object is used again for the next group: keep nothing of it. */
export interface Group {
  /** Finite values, in group order. */
  values: Float32Array
  /** Weight of each squared error, not negative; absent: all 1. Parallel to `values`. */
  importance: Float32Array | undefined
  effort: Effort
  /** How a value between two levels becomes a code; every mode but half-even needs the evenly spaced schemes. */
  rounding: CodeRounding
  /** For stochastic rounding: the draw depends on (seed, first + position). */
  seed: number
  first: number
  /** True: `parameters` are given by the caller, only codes are wanted. */
  fixed: boolean
}

/**
 * How a codec's closed form is spelt as a call of the kernels (`packIntegerRows`, `packLevelRows`, `packFloatRows`): the same bytes,
 * many times faster. Only for scales of f32 and f16.
 */
export interface CodecKernel {
  readonly rule: 'reach' | 'signed' | 'mean' | 'mean-beyond'
  /** Magnitudes of the last positive and negative level. */
  readonly up: number
  readonly down: number
  readonly halfScales: boolean
  readonly perByte: 1 | 2 | 4 | 5 | 8
  readonly codes:
    | { readonly kind: 'integers'; readonly zero: number; readonly bits: number }
    | { readonly kind: 'levels'; readonly search: LevelSearch }
    | {
        readonly kind: 'floats'
        readonly format: keyof typeof SmallFloatFormat
        readonly negativeZero: boolean
        readonly decoded: Float32Array
      }
}

/**
 * What the codes of one family of schemes mean, group by group. Stateless. Parameters are passed as numbers that their
 * stored type holds exactly, all of a group in one array in the order of `parameters` (shared ones likewise).
 */
export interface Codec {
  /** Number of different codes, 2 .. 65536. */
  readonly levels: number
  /** `bits`: the least number of bits that holds `levels`, lowest bits first; `trits`: five base-3 digits a byte. */
  readonly packing: 'bits' | 'trits'
  /** Values one code stands for: 1, or the length of a codebook's vectors. */
  readonly vector: number
  /** True: evenly spaced levels, so that rounding modes and given ranges have a meaning. */
  readonly even?: boolean
  /** 0 decodes to exactly 0 whatever the parameters an encoder chooses. */
  readonly exactZero: boolean
  readonly parameters: readonly ParameterSpec[]
  readonly shared: readonly ParameterSpec[]
  /** Absent: no kernel writes these codes. */
  readonly kernel?: CodecKernel
  /** What `encode` does when the caller names no effort. */
  readonly effort: Effort
  /** Efforts that differ from a cheaper one. */
  readonly efforts: readonly Effort[]
  /**
   * Parameters of the whole array, before any group; only where `shared` is not empty. `run`: how many neighbouring values share a
   * group, when groups are runs of the array.
   */
  fitShared?(values: Float32Array, effort: Effort, shared: Float32Array, run?: number): void
  /** Fills `codes` (values / vector, rounded up) and, unless the group's are fixed, `parameters`. */
  encode(group: Group, codes: Uint16Array, parameters: Float32Array, shared: Float32Array): void
  /** Fills `values` from codes. */
  decode(codes: Uint16Array, parameters: Float32Array, shared: Float32Array, values: Float32Array): void
  /**
   * Largest |x - decode(encode(x))| over x in [low, high] with these parameters and rounding to the nearest level. In exact
   * arithmetic; f32 rounding of the decoded level adds at most an ulp of it. Vector codes: Infinity when nothing is promised.
   */
  errorBound(parameters: Float32Array, shared: Float32Array, low: number, high: number): number
}

/** A codec with the grouping it works on, under the one spelling of its id. */
export interface ArrayScheme {
  readonly id: string
  readonly codec: Codec
  readonly grouping: Grouping
}

/** f32, packed halves and bytes as stored: f16 and bf16 as bits in Uint16Array, 8-bit types and packed ones in Uint8Array. */
export type ParameterArray = Float32Array | Uint16Array | Uint8Array | Int8Array

/** An array in codes. Plain data: it can be posted to a worker, or written with numpy's formats. */
export interface QuantizedArray {
  /** Scheme id in its one spelling. */
  readonly scheme: string
  readonly shape: readonly number[]
  /**
   * Packed codes in array order, without gaps; a code of several values counts as one, groups in order. Lowest bits first;
   * trits: first digit times 1, then 3, 9, 27, 81.
   */
  readonly codes: Uint8Array
  /** By name; those of groups in group order. */
  readonly parameters: Readonly<Record<string, ParameterArray>>
}

/** Levels that a scale multiplies, for codes that are not evenly spaced. */
export interface LevelTable {
  /** Ascending and different, at most 65536; f32 values. */
  readonly levels: Float32Array
  /** Code of each level; absent: its index. */
  readonly codes?: Uint16Array
}
