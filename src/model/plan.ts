import type { ScopePath } from './graph.ts'
import type { FittingId, SchemeSpec, SolverId } from './scheme.ts'

/** Why; a closed set of codes plus one sentence. The report groups by code. */
export type ReasonCode =
  | 'asked' // a rule or preset names it
  | 'default' // the preset's choice for this role
  | 'error-per-byte' // chosen by measurement
  | 'relaxed' // an attempt with fewer bits was refused
  | 'shared' // follows the decision of the tensor it shares elements with
  | 'outer' // the first or the last layer, which keeps more bits
  | 'saturation' // sign chosen so that no CPU saturates
  | 'target' // the target executes this and not something better
  | 'kept-by-rule'
  | 'too-small' // quantizing would not save bytes
  | 'not-float'
  | 'bias'
  | 'norm'
  | 'shape-constant'
  | 'unsupported-use' // no lowering fits this use
  | 'pinned' // graph output or input that callers may override
  | 'nonfinite'
  | 'range' // half precision would overflow
  | 'dead'
  | 'folded' // made part of other tensors by a rewrite
  | 'family'
export interface Reason {
  readonly code: ReasonCode
  readonly text: string
}

export type LoweringId =
  | 'onnx/matmul-nbits'
  | 'onnx/matmul-bnb4'
  | 'onnx/lookup'
  | 'onnx/dequantize'
  | 'onnx/expand'
  | 'onnx/gather-block'
  | 'onnx/gather-rows'
  | 'onnx/matmul-integer'
  | 'onnx/matmul-integer-rows'
  | 'onnx/dynamic-matmul'
  | 'onnx/dynamic-lstm'
  | 'onnx/half'

export interface TensorKey {
  readonly scope: ScopePath
  readonly name: string
}

export type Decision = {
  readonly tensor: TensorKey
  /** Labels of the consuming nodes this decision is for. */
  readonly consumers: readonly string[]
  readonly op: string
  readonly because: Reason
  readonly bytesBefore: number
  readonly bytesAfter: number
} & (
  | {
      readonly action: 'quantize'
      readonly scheme: SchemeSpec
      readonly lowering: LoweringId
      readonly packing: string
      readonly solver: SolverId | FittingId
      readonly corrections: readonly string[]
      /** Scheme id of `scheme` for people. */
      readonly schemeId: string
    }
  | { readonly action: 'cast'; readonly scheme: SchemeSpec; readonly lowering: LoweringId; readonly schemeId: string }
  | { readonly action: 'keep' }
)

/** One activation point; static presets only. */
export interface ActivationDecision {
  readonly value: string
  readonly scheme: SchemeSpec
  readonly observer: string
  readonly group: string
  readonly because: Reason
}
