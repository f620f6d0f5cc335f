import type { DType } from './dtype.ts'
import type { MatrixView, QuantizedTensor, SchemeSpec } from './scheme.ts'

export interface Refusal {
  readonly code: string
  readonly text: string
}

/** One tensor of a packed weight. */
export interface PackedPart {
  readonly part: 'codes' | 'scales' | 'zeros'
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly byteLength: number
}

export type IntegerSpec = SchemeSpec & { readonly family: 'integer' }
export type LevelsSpec = SchemeSpec & { readonly family: 'levels' }
/** Codes under scales: everything but half precision. */
export type CodedSpec = IntegerSpec | LevelsSpec

/** Where the codes of one scheme go in one kind of file. Layout only: no rounding, no statistics. */
export interface Packing<Spec extends CodedSpec = CodedSpec> {
  readonly id: string
  accepts(spec: Spec, view: MatrixView, shape: readonly number[]): Refusal | null
  /** Exact and pure, so that a file is laid out before its first byte exists. Order: codes, scales, zeros. */
  parts(spec: Spec, view: MatrixView, shape: readonly number[]): readonly PackedPart[]
  /** Parallel to `parts`. `unpack(pack(q))` equals `q`. */
  pack(tensor: QuantizedTensor<Spec>, shape: readonly number[]): readonly Uint8Array[]
  unpack(parts: readonly Uint8Array[], spec: Spec, view: MatrixView, shape: readonly number[]): QuantizedTensor<Spec>
}
