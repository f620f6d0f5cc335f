import type { DType } from './dtype.ts'
import type { Dimension } from './graph.ts'
import type { FileFact } from './report.ts'

/** What `inspect` found; the JSON object of that verb. */
export interface InspectReport {
  readonly tersor: string
  readonly schema: 1
  readonly command: 'inspect'
  readonly input: FileFact & {
    readonly family: string
    readonly opset: number
    readonly ir: number
    readonly producer: string
    readonly files: readonly string[]
  }
  readonly inputs: readonly ValueFact[]
  readonly outputs: readonly ValueFact[]
  readonly parameters: number
  readonly nodes: number
  /** Weight bytes under the operator that uses them first; every operator of the model is listed, also those without weights. */
  readonly operators: readonly { readonly op: string; readonly count: number; readonly bytes: number }[]
  readonly tensors: readonly TensorFact[]
  /** Groups of constants with the same elements. */
  readonly shared: readonly {
    readonly names: readonly string[]
    readonly transposed: boolean
    readonly bytes: number
  }[]
  readonly targets: readonly { readonly target: string; readonly fits: boolean; readonly findings: readonly string[] }[]
  readonly phases: readonly { readonly name: string; readonly ms: number }[]
  readonly peakBytes: number
  readonly warnings: readonly string[]
  readonly suggestion?: string
}

export interface ValueFact {
  readonly name: string
  /** Absent for sequences, maps and untyped values. */
  readonly dtype?: DType
  /** Absent when the rank is unknown. */
  readonly shape?: readonly Dimension[]
}

export interface TensorFact {
  readonly name: string
  /** Operator and label of the first consumer; '' when dead. */
  readonly op: string
  readonly consumers: readonly string[]
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly bytes: number
  readonly quantizable: boolean
  /** Why not, or how. */
  readonly because: { readonly code: string; readonly text: string }
}
