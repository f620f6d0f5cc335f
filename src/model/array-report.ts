/** Share of the true nearest rows among those found, of `queries` rows against the `rows` others. */
export interface RecallFigures {
  readonly queries: number
  readonly rows: number
  /** Every so many rows, one was a query. */
  readonly every: number
  readonly at1: number
  readonly at10: number
  readonly at100: number
  /** Scheme of the second look, and how many candidates it got for each wanted row. */
  readonly rescored?: { readonly scheme: string; readonly candidates: number }
}

export interface ArrayDecision {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly action: 'quantize' | 'keep'
  readonly scheme?: string
  readonly because: string
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly bitsPerValue?: number
  /** Root of the sum of squared errors over that of squared values. */
  readonly relativeRms?: number
  readonly sqnrDb?: number
  readonly maxAbs?: number
  readonly recall?: RecallFigures
  /** With a budget: schemes that no other beats in both, rate rising. */
  readonly curve?: readonly { readonly scheme: string; readonly bitsPerValue: number; readonly relativeRms: number }[]
}

/** Arrays in, arrays out; the JSON object of `quantize` and `dequantize` on .npy, .npz and pictures. */
export interface ArrayReport {
  readonly tersor: string
  readonly schema: 1
  readonly command: 'quantize' | 'dequantize'
  readonly kind: 'arrays'
  readonly input: { readonly path: string; readonly bytes: number; readonly sha256?: string }
  readonly output: {
    readonly path: string
    readonly bytes: number
    readonly sha256?: string
    readonly files: readonly string[]
  }
  readonly options: Readonly<Record<string, unknown>>
  readonly decisions: readonly ArrayDecision[]
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  readonly peakBytes: number
  readonly warnings: readonly string[]
  readonly suggestion?: string
}
