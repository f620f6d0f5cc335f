import type { CodeRounding } from '../model/array-scheme.ts'
import type { CompareReport } from '../model/compare-report.ts'
import type { InspectReport } from '../model/inspect-report.ts'
import type { Explanation } from '../model/explanation.ts'
import type { Report } from '../model/report.ts'
import type { StageEvent } from '../model/tools.ts'

/** Options of the line: the flags in camelCase, same meaning. Absent means the default. */
export interface LineOptions {
  readonly to?: string
  readonly target?: string
  readonly rules?: readonly string[]
  readonly calib?: string
  readonly eval?: string
  readonly labels?: string
  readonly metric?: string
  readonly samples?: number
  readonly skipBad?: boolean
  /** Bytes. */
  readonly shardSize?: number
  readonly solver?: 'nearest' | 'search'
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
  readonly noVerify?: boolean
  /** Of `explain`: numbers or a file, a weight, and how they become codes. */
  readonly values?: string
  readonly tensor?: string
  readonly bits?: number
  readonly levels?: number
  readonly range?: string
  readonly rounding?: CodeRounding
  readonly force?: boolean
  readonly compressed?: boolean
  /** Compute SHA-256 of input and output; for --json, --manifest and --report. */
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** What the command line calls: the exports of `node.ts`. */
export interface Line {
  quantize(input: string, output: string | undefined, options: LineOptions): Promise<Report>
  plan(input: string, options: LineOptions): Promise<Report>
  inspect(input: string, options: LineOptions): Promise<InspectReport>
  compare(a: string, b: string, options: LineOptions): Promise<CompareReport>
  dequantize(input: string, output: string | undefined, options: LineOptions): Promise<Report>
}

/** Loaded on first use, so that help, version and usage errors cost no more than node itself. */
export type LoadLine = () => Promise<Line>
  explain(options: LineOptions): Promise<Explanation>
