import type { FileFact, OutputFigures, SequenceFigures, Verdict } from './report.ts'
import type { TruthFigures } from './truth.ts'

/** Two models on the same inputs; the JSON object of `compare`. */
export interface CompareReport extends TruthFigures {
  readonly tersor: string
  readonly schema: 1
  readonly command: 'compare'
  readonly a: FileFact
  readonly b: FileFact
  readonly options: Readonly<Record<string, unknown>>
  readonly data: Verdict['data']
  readonly samples: number
  /** As users run it. */
  readonly outputs: readonly OutputFigures[]
  readonly unfused?: { readonly outputs: readonly OutputFigures[] }
  /** Of models with states, as users run them: each on its own states, and both on the same. */
  readonly sequence?: SequenceFigures
  /** Weights of both files under the same name, worst first. */
  readonly weights: readonly WeightDifference[]
  /** Only those that were asked for; `compare` has no defaults. */
  readonly thresholds: readonly {
    readonly metric: string
    readonly value: number
    readonly found: number
    readonly met: boolean
  }[]
  /** Task metric of each side, when labels were given. */
  readonly metric?: { readonly name: string; readonly a: number; readonly b: number }
  readonly filled: readonly string[]
  readonly runtime?: {
    readonly name: string
    readonly version: string
    readonly threads: number
    readonly cpu: readonly string[]
  }
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  readonly peakBytes: number
  readonly warnings: readonly string[]
  readonly suggestion?: string
}

export interface WeightDifference {
  readonly tensor: string
  readonly op: string
  readonly bytesA: number
  readonly bytesB: number
  /** Signal of A to difference, decibels; absent when the values are equal. */
  readonly sqnrDb?: number
  readonly maxAbs: number
}
