import type { CodeRounding } from './array-scheme.ts'

/** Where the numbers of an explanation come from. */
export interface ExplanationSource {
  readonly kind: 'random' | 'values' | 'tensor'
  /** File, tensor name, or the distribution. */
  readonly label: string
  /** Values that were looked at. */
  readonly count: number
  /** Values there are; more than `count` where only the first ones were taken. */
  readonly total: number
  readonly shape: readonly number[]
}

/** One value on its way through the steps. */
export interface StageRow {
  readonly index: number
  readonly value: number
  /** (value - min) / step. */
  readonly scaled: number
  /** Rounded to an integer by the chosen mode. */
  readonly truncated: number
  /** Kept within the code range. */
  readonly code: number
  readonly decoded: number
  /** value - decoded. */
  readonly error: number
}

/** The same value by the article's formulas, as they are written. */
export interface ArticleRow {
  readonly index: number
  readonly value: number
  readonly scaled: number
  readonly truncated: number
  readonly code: number
  readonly restored: number
}

export interface ArticleOutcome {
  /** width / (max - min). */
  readonly factor: number
  /** What a value is multiplied by on the whole way: levels * 2^bits / (levels - 1). It should be 1. */
  readonly gain: number
  readonly lowCode: number
  readonly highCode: number
  readonly differentCodes: number
  /** Largest |value - restored|. */
  readonly maxError: number
  readonly rows: readonly ArticleRow[]
  /** Value and restored value over the whole range. */
  readonly curve: { readonly value: readonly number[]; readonly restored: readonly number[] }
}

export type CompensationKind = 'none' | 'article' | 'mean-error' | 'refit' | 'refit-recode' | 'feedback' | 'diffusion'

export interface CompensationOutcome {
  readonly kind: CompensationKind
  /** What must be stored besides codes, scale and offset. */
  readonly byteLength: number
  readonly max: number
  readonly rms: number
  readonly mean: number
  readonly sqnrDb: number
  /** RMS error of means over 16 successive values, and over 4 x 4 tiles; null where the values do not fill one. */
  readonly runRms: number | null
  readonly tileRms: number | null
}

export type CorrectionKind =
  | 'centroids'
  | 'centroids-shrunk'
  | 'affine'
  | 'quadratic'
  | 'cubic'
  | 'low-rank-1'
  | 'low-rank-4'

export interface CorrectionOutcome {
  readonly kind: CorrectionKind
  readonly byteLength: number
  /** Values the model did not see, and their mean squared error without and with it. */
  readonly heldOut: number
  readonly before: number
  readonly after: number
  readonly gainDb: number
  /** What the same bytes would bring as more bits a code. */
  readonly breakEvenDb: number
  readonly pays: boolean
}

/** Counts in equal bins from `low` on. */
export interface Histogram {
  readonly low: number
  readonly width: number
  readonly counts: readonly number[]
}

/** `first-values`: only the first ones were looked at; `clipped`: some lie outside the range; `few-values`: too few to hold any out. */
export type ExplanationWarning = 'first-values' | 'all-equal' | 'clipped' | 'few-values'

/** Everything `explain` says, as data. */
export interface Explanation {
  readonly tersor: string
  readonly schema: 1
  readonly command: 'explain'
  readonly source: ExplanationSource
  readonly options: {
    readonly rounding: CodeRounding
    readonly seed: number
    /** True where the range was given and not taken from the values. */
    readonly rangeGiven: boolean
  }
  readonly levels: {
    readonly count: number
    /** Least number of bits that holds a code. */
    readonly bits: number
    readonly min: number
    readonly max: number
    readonly range: number
    readonly step: number
    /** 1 / 2^bits. */
    readonly precision: number
    readonly lowCode: number
    readonly highCode: number
    /** The first grid points; all of them where there are at most 256. */
    readonly points: readonly number[]
  }
  /** The first ten values. */
  readonly rows: readonly StageRow[]
  readonly error: {
    readonly max: number
    readonly rms: number
    readonly mean: number
    readonly sqnrDb: number
    /**
     * No value inside the range can be further off: half a step; a whole one for modes that do not round to nearest; the range
     * where the step is beyond what f32 holds.
     */
    readonly bound: number
    readonly promise: 'half-step' | 'step' | 'range'
    /** Values outside the range; they take the last level. */
    readonly clipped: number
    /** Largest error of the values inside the range, and whether it keeps the bound. */
    readonly maxInside: number
    readonly within: boolean
  }
  readonly storage: {
    readonly scheme: string
    readonly floatBytes: number
    readonly codeBytes: number
    readonly parameterBytes: number
  }
  /** Absent where all values are equal: the formulas then divide by 0. */
  readonly article?: ArticleOutcome
  /** Rows and columns that the two-dimensional ones worked on. */
  readonly matrix: readonly [rows: number, columns: number]
  readonly compensation: readonly CompensationOutcome[]
  /** Empty where the values are too few to hold any out. */
  readonly correction: readonly CorrectionOutcome[]
  readonly pictures: {
    readonly values: Histogram
    /** Decoded value over value around the middle, from the functions themselves. */
    readonly stairs: {
      readonly value: readonly number[]
      readonly decoded: readonly number[]
    }
    /** Errors before and after, on the same bins; what was compensated and corrected by which. */
    readonly errors: {
      readonly plain: Histogram
      readonly compensated: Histogram
      readonly corrected: Histogram
      readonly compensation: CompensationKind
      readonly correction: CorrectionKind | 'none'
    }
    /** Sum of errors up to each of the first values. */
    readonly running: {
      readonly plain: readonly number[]
      readonly feedback: readonly number[]
    }
  }
  readonly warnings: readonly ExplanationWarning[]
}
