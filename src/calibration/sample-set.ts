import type { Sample } from '../model/runtime.ts'
import type { ScoredPair } from '../model/truth.ts'

/** Samples that are made or read one at a time. */
export interface SampleSet {
  readonly count: number
  /** How many there were before the selection. */
  readonly found: number
  at(index: number): Promise<Sample>
  /** What was left out, each with its reason. Grows while samples are read. */
  readonly skipped: readonly string[]
  /** Inputs the data do not give and how they are filled: `name: rule`. */
  readonly filled: readonly string[]
  /** What is allowed and seldom meant, such as pictures that look unnormalized. Grows while samples are read. */
  readonly notes?: readonly string[]
  /** States go from one sample to the next: samples are in order, without gaps but for those between files. */
  readonly sequence?: boolean
  /** Inputs whose element type was converted: `name: from -> to`. */
  readonly converted: readonly string[]
  /** How texts became rows of tokens. */
  readonly rows?: string
  /** Texts by twos with a score: `index` of their samples. */
  readonly pairs?: readonly ScoredPair[]
}
