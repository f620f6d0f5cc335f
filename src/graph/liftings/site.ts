import type { DType } from '../../model/dtype.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import type { Definition, Use } from '../consumers.ts'
import type { Scope } from '../walk.ts'
import type { ConstantFact } from './constant-facts.ts'
import type { Recipe } from './recipe.ts'

/** The float value that stands for a quantized one. */
export interface Twin {
  /** A value of the graph as read, or the name of one that a lifting writes. */
  readonly float: Definition | string
  /** Parameters it was quantized with; undefined: not given. */
  readonly scale: Definition | undefined
  readonly zero: Definition | undefined
  readonly range: Range
}

/** What is known of a float value; `false` is not known. */
export interface Range {
  readonly nonNegative: boolean
  readonly atMostSix: boolean
}

export const UNKNOWN_RANGE: Range = { nonNegative: false, atMostSix: false }

/** What quantization parameters say, where both are constants of one element. */
export interface Levels {
  readonly scale: number
  readonly zero: number
  readonly dtype: DType
}

/** One node and all that a lifting may ask about the graph around it. */
export interface Site {
  readonly node: Node
  readonly scope: Scope
  readonly opset: number
  definition(name: string): Definition | undefined
  /** What the value of a name is when it is constant. */
  fact(name: string): ConstantFact | undefined
  twin(name: string): Twin | undefined
  /** The range of a float value of the graph as read. */
  rangeOf(definition: Definition): Promise<Range>
  /** True where callers give the value. */
  isGiven(definition: Definition): boolean
  /** The name a lifting reads a twin by. */
  nameOf(twin: Twin): string
  /**
   * The float that a quantized operand stands for: its twin when scale and zero are those it was quantized with, or the
   * weight its codes decode to (moved as the codes are, by nodes that come in front). Names of inputs; '' where one is left out.
   */
  operand(codes: string, scale: string, zero: string, axis?: number): Promise<string | null>
  /** The range of the float that an operand stands for. */
  rangeOfOperand(codes: string, scale: string, zero: string): Promise<Range>
  /** The name of an initializer with the recipe's values. */
  weight(recipe: Recipe, lifting: string): string
  /**
   * Says which float stands for an output. The name to write it under is that of a DequantizeLinear that reads the output with
   * these parameters, else a fresh one.
   */
  register(output: number, twin: Twin): void
  twinName(output: number, scale: string, zero: string): Promise<string>
  /** True when both are one value, or constants with the same elements. */
  same(a: Definition | undefined, b: Definition | undefined): Promise<boolean>
  /** Makes every reader of the output read this value instead; a node keeps the name where callers need it. */
  replaceValue(name: string, by: Definition | string): readonly Node[]
  onlyUse(name: string): Use | undefined
  usesOf(name: string): readonly Use[]
  fresh(base: string): string
  addConstant(tensor: TensorRef): void
  /** Parameters of one element as numbers. */
  levels(scale: string, zero: string): Promise<Levels | undefined>
  /** Notes an activation that is float again. */
  note(value: string, because: string): void
}

/** What a lifting makes of a node. */
export type Lift =
  /** Nodes at the place of `at` (default: the node itself), which goes. */
  | { readonly nodes: readonly Node[]; readonly at?: Node }
  /** Nodes in front of the node, which stays until nobody reads it. */
  | { readonly twins: readonly Node[] }
  /** Stays as it is, with the reason. */
  | { readonly keep: string }

export interface Lifting {
  readonly id: string
  /** Operators it answers for, `Op` of ai.onnx or `com.microsoft::Op`. */
  readonly operators: readonly string[]
  /** Null: not a case of this lifting, nothing to say. */
  lift(site: Site): Promise<Lift | null> | Lift | null
}
