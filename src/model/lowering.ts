import type { Node, TensorRef } from './graph.ts'
import type { GraphEdit } from './graph-edit.ts'
import type { WeightFacts, WeightUse } from './inventory.ts'
import type { Refusal } from './packing.ts'
import type { LoweringId } from './plan.ts'
import type { SchemeSpec } from './scheme.ts'
import type { Target } from './target.ts'

/** Tensors of a packed weight under their final names. The pipeline adds them as initializers in the weight's scope. */
export interface PackedRefs {
  readonly codes: TensorRef
  readonly scales?: TensorRef
  readonly zeros?: TensorRef
  /**
   * The weight was multiplied by a vector along its depth before it was quantized; the activation has to be multiplied by this one
   * (f16 or u8, cast to f32; one per index of the depth), which undoes it. Zero where `floatRows` takes over.
   */
  readonly inverse?: TensorRef
  /** Rows of the weight, K x N, that stay float and are zero in the codes: their indices (i64) and values (f32, rows x N). */
  readonly floatRows?: { readonly indices: TensorRef; readonly values: TensorRef }
  /**
   * Added to what the codes stand for: first times (second times scales), both signed codes of 4 or 8 bits; scales f32 [rank, 1]. As the product sees the
   * weight, [K, rank] and [rank, N]; for lowerings of values and weights whose rows are channels [N, rank] and [rank, K].
   */
  readonly lowRank?: { readonly first: TensorRef; readonly second: TensorRef; readonly scales: TensorRef }
}

export interface LoweringContext {
  readonly target: Target
  /** ai.onnx version the result will have. */
  readonly opset: number
  /** A name that nothing in the model uses. */
  fresh(base: string): string
  /** Lower bound of the first input of a node, where one is known from what computes it; null or absent: none is known. */
  least?(node: Node): number | null
}

/**
 * Which nodes express a decision. Form only: no rounding, no bytes.
 * A 'value' lowering computes a value under the weight's own name in the weight's scope, so consumers need no change.
 * A 'node' lowering replaces each consuming node.
 */
export interface Lowering {
  readonly id: LoweringId
  readonly kind: 'value' | 'node'
  /**
   * Least ai.onnx version of the nodes it writes for this spec; the pipeline raises the opset to it when it must.
   * Given the weight, the answer is the least for that weight; without it, the least that fits every weight.
   */
  minOpset(spec: SchemeSpec, weight?: WeightFacts): number
  /** Null: fits. `use` is undefined for value lowerings. */
  accepts(weight: WeightFacts, use: WeightUse | undefined, spec: SchemeSpec, target: Target): Refusal | null
  /** Removing the weight itself (initializer, input entry or Constant node) is part of a value lowering's edit; for node lowerings the pipeline removes what no one uses any more. */
  lower(
    weight: WeightFacts,
    uses: readonly WeightUse[],
    spec: SchemeSpec,
    packed: PackedRefs,
    context: LoweringContext,
  ): readonly GraphEdit[]
}
