import type { Histogram } from './explanation.ts'

/** What static quantization did to one layer or one value, for people. Decibels are finite: 999 stands for no error at all. */
export type LayerFacts = ProductFacts | ValueFacts

/** A convolution or matrix product. */
export interface ProductFacts {
  readonly kind: 'product'
  readonly label: string
  readonly op: string
  /** How it runs: `qdq`, `conv-integer`, `stored` and so on. */
  readonly form: string
  /** Values that it reads as codes; each has facts of its own. */
  readonly reads: readonly string[]
  /** The value it gives. */
  readonly gives: string
  /** Per run; null where shapes are not known. */
  readonly multiplyAdds: number | null
  readonly weight?: ProductWeightFacts
  /** A weight of fewer than 8 bits instead. */
  readonly fewBits?: FewBitsFacts
  readonly bias?: BiasFacts
  /** Signal to noise of what it gives, everything before it quantized too. */
  readonly accumulatedDb?: number
}

export interface ProductWeightFacts {
  readonly name: string
  readonly shape: readonly number[]
  /** Signal to quantization noise of the weight alone. */
  readonly sqnrDb: number
  readonly codes: 's8' | 'u8'
  /** Largest sum of two neighbouring signed codes of one sign: beyond 128, u8 x s8 kernels of CPUs without VNNI may saturate. */
  readonly worstPair: number
  /** Simulated for a CPU without VNNI, from the codes that activations have. */
  readonly saturation: SaturationFacts
}

export interface FewBitsFacts {
  readonly name: string
  readonly shape: readonly number[]
  readonly scheme: string
  readonly solver: string
  /** Signal to quantization noise of the weight alone, which is not what its codes were chosen for. */
  readonly sqnrDb: number
  /** Part of the error of nearest codes that is left in what the layers give that were rounded together. */
  readonly left?: number
}

/** Share of pairs of products that saturate, and of results with at least one such pair: as written, and with plain s8 codes. */
export interface SaturationFacts {
  readonly pairs: number
  readonly results: number
  readonly plainPairs: number
  readonly plainResults: number
}

/** Error of the mean of each output channel: root mean square over channels, as a share of that of the values. */
export interface BiasFacts {
  readonly corrected: boolean
  readonly before: number
  readonly after: number
}

/** A value that is rounded to a grid. */
export interface ValueFacts {
  readonly kind: 'value'
  readonly value: string
  readonly group: string
  /** Why it is rounded: code and sentence. */
  readonly because: { readonly code: string; readonly text: string }
  readonly observer: string
  readonly type: string
  readonly scale: number
  readonly zero: number
  /** Lowest and highest level of the grid. */
  readonly low: number
  readonly high: number
  /** Lowest and highest value seen. */
  readonly min: number
  readonly max: number
  /** Share of values below the lowest level and above the highest, by more than half a step. */
  readonly below: number
  readonly above: number
  /** Share of values that are exactly 0; they are not in the histogram. */
  readonly zeros: number
  readonly histogram: Histogram
  /** Signal to noise of the rounding alone, of the clipping alone, and of both, from the histogram. */
  readonly roundingDb: number
  readonly clippingDb: number
  readonly errorDb: number
  /** Part of the range that the last samples added. */
  readonly growth: number
  readonly accumulatedDb?: number
}
