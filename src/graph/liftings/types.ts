import type { Model, Node, ScopePath, TensorRef } from '../../model/graph.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import type { Recipe } from './recipe.ts'

/** What the line gives to a lifting: how to read small constants, and how a recipe becomes a tensor. */
export interface LiftPorts {
  readonly readSmall: ReadSmall
  /** A tensor of the recipe's type and shape under this name. */
  tensorOf(name: string, recipe: Recipe): TensorRef
  /**
   * Decodes weights only: activations are quantized and dequantized where they were, in floats. The result computes what the
   * quantized model means, which is how a lifting is proven.
   */
  readonly keepActivations?: boolean
}

/** One weight that is plain float now. */
export interface LiftedTensor {
  readonly name: string
  /** In the lifted model. */
  readonly scope: ScopePath
  readonly tensor: TensorRef
  readonly recipe: Recipe
  /** The tensor that held the codes. */
  readonly codes: TensorRef
  /** Which lifting found it, such as 'matmul-nbits'. */
  readonly lifting: string
}

/** An activation that was quantized on the way and is not any more. */
export interface LiftedActivation {
  readonly value: string
  readonly because: string
}

/** A node that stays quantized, and why. */
export interface KeptNode {
  readonly scope: ScopePath
  readonly node: Node
  readonly because: string
}

export interface LiftedModel {
  readonly model: Model
  readonly tensors: readonly LiftedTensor[]
  readonly activations: readonly LiftedActivation[]
  readonly kept: readonly KeptNode[]
}
