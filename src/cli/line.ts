import type { ArrayReport } from '../model/array-report.ts'
import type { CodeRounding } from '../model/array-scheme.ts'
import type { CompareReport } from '../model/compare-report.ts'
import type { Explanation } from '../model/explanation.ts'
import type { InspectReport } from '../model/inspect-report.ts'
import type { Report } from '../model/report.ts'
import type { StageEvent } from '../model/tools.ts'
import type { VariantsReport } from '../model/variants-report.ts'

/** Options of the line: the flags in camelCase, same meaning. Absent means the default. */
export interface LineOptions {
  readonly to?: string
  readonly target?: string
  readonly rules?: readonly string[]
  readonly calib?: string
  readonly calibrator?: 'minmax' | 'moving' | 'percentile' | 'aciq' | 'entropy' | 'mse' | 'sqnr'
  readonly transform?: string
  readonly statistics?: string
  readonly table?: string
  readonly eval?: string
  readonly labels?: string
  readonly classes?: string
  readonly preprocess?: string
  readonly tokenizer?: string
  readonly context?: number
  readonly stride?: number
  readonly floatOutputs?: string
  readonly metric?: string
  readonly samples?: number
  readonly skipBad?: boolean
  /** Bytes. */
  readonly shardSize?: number
  /** Bytes; of `search`. */
  readonly budget?: number
  readonly solver?: 'nearest' | 'search' | 'hqq' | 'adaround'
  readonly lowering?: string
  readonly minCosine?: number
  readonly minAgreement?: number
  readonly maxKl?: number
  readonly maxLoss?: number
  /** How often a refused result is tried, the first included. */
  readonly attempts?: number
  readonly threads?: number
  /** Bytes. */
  readonly maxMemory?: number
  readonly seed?: number
  /** Of `explain`: numbers or a file, a weight, and how they become codes. */
  readonly values?: string
  readonly tensor?: string
  readonly bits?: number
  readonly levels?: number
  readonly range?: string
  readonly rounding?: CodeRounding
  readonly noVerify?: boolean
  readonly force?: boolean
  readonly compressed?: boolean
  /** Compute SHA-256 of input and output; for --json, --manifest and --report. */
  readonly hashes?: boolean
  /** Keep samples to look at; for --report. */
  readonly pictures?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** Options of arrays, by the same rule. */
export interface ArrayOptions {
  readonly to?: string
  readonly budget?: number
  readonly effort?: 'fast' | 'default' | 'best'
  readonly solver?: string
  readonly importance?: string
  readonly recall?: boolean
  readonly rescore?: string
  readonly candidates?: number
  readonly force?: boolean
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** What the command line calls: the exports of `node.ts`. */
export interface Line {
  quantize(input: string, output: string | undefined, options: LineOptions): Promise<Report>
  plan(input: string, options: LineOptions): Promise<Report>
  search(input: string, output: string | undefined, options: LineOptions): Promise<Report>
  inspect(input: string, options: LineOptions): Promise<InspectReport>
  compare(a: string, b: string, options: LineOptions): Promise<CompareReport>
  explain(options: LineOptions): Promise<Explanation>
  variants(
    input: string,
    output: string | undefined,
    options: LineOptions & { readonly set?: string },
  ): Promise<VariantsReport>
  dequantize(input: string, output: string | undefined, options: LineOptions): Promise<Report>
  /** The kind of a file of arrays by content; null for models. */
  arrayFileKind(path: string): Promise<'npy' | 'npz' | 'picture' | null>
  quantizeArrays(input: string, output: string | undefined, options: ArrayOptions): Promise<ArrayReport>
  dequantizeArrays(input: string, output: string | undefined, options: ArrayOptions): Promise<ArrayReport>
}

/** Loaded on first use, so that help, version and usage errors cost no more than node itself. */
export type LoadLine = () => Promise<Line>
