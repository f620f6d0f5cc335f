/** What a search for precision tensor by tensor found; part of the report. */
export interface SearchFacts {
  /** Bytes of the whole file that were asked for; absent where a loss was. */
  readonly budget?: number
  /** The largest loss that was asked for. */
  readonly maxLoss?: number
  /** Bytes of the smallest file that any choice gives. */
  readonly leastBytes: number
  /** What losses are: `kl`, `embedding cosine` (one minus it), `relative noise`, or `weights` where nothing could be run. */
  readonly metric: string
  /** Samples that losses were measured on, and whether they were given. */
  readonly samples: number
  readonly data: 'given' | 'synthetic' | 'none'
  /** Sum of the losses of what was chosen. */
  readonly loss: number
  /** Best allocations, bytes rising: predicted bytes of the file, and sum of losses. */
  readonly curve: readonly CurvePoint[]
  readonly groups: readonly SearchGroup[]
  /** Results that were made and judged on the way, in order: their bytes, and what they lose by the metric of the verdict. */
  readonly tried?: readonly CurvePoint[]
}

export interface CurvePoint {
  readonly bytes: number
  readonly loss: number
}

/** Tensors that are decided together. */
export interface SearchGroup {
  readonly tensors: readonly string[]
  readonly chosen: string
  readonly choices: readonly { readonly what: string; readonly bytes: number; readonly loss: number }[]
}
