import type { DType } from '../../../model/dtype.ts'
import type { Attribute, Node, TensorRef } from '../../../model/graph.ts'
import type { Refusal } from '../../../model/packing.ts'

/** What a rule may know and make. Names are those of the node's scope. */
export interface RuleContext {
  /** The version that the model will have in the end. */
  readonly to: number
  fresh(base: string): string
  /** Values of a small f32 constant; null when it is computed, fed or large. */
  floats(name: string): Promise<readonly number[] | null>
  /** Undefined when unknown. */
  rank(name: string): number | undefined
  /** Type of a float value; undefined when unknown. */
  floatType(name: string): DType | undefined
  /** True when a node reads the value or a graph gives it out. */
  isUsed(name: string): boolean
  /** A Constant node in front of the one that reads it, remembered for later rules. */
  constant(base: string, tensor: Omit<TensorRef, 'name'>): { readonly name: string; readonly node: Node }
  /** A Constant node whose value is an attribute of the enclosing function. */
  constantFrom(
    base: string,
    attribute: 'value_ints' | 'value_float',
    reference: string,
  ): { readonly name: string; readonly node: Node }
}

/** Nodes that do at version `since` what the node does before it. */
export type RuleResult = readonly Node[] | Refusal

/** One breaking change of one operator. What it makes is valid at `since`; later rules apply to it in turn. */
export interface Rule {
  readonly ops: readonly string[]
  readonly since: number
  apply(node: Node, context: RuleContext): RuleResult | Promise<RuleResult>
}

export function isRefusal(result: RuleResult): result is Refusal {
  return !Array.isArray(result)
}

/** A refusal that names the node and the change. */
export function refuse(node: Node, text: string): Refusal {
  return { code: 'opset', text: `${node.op} "${node.name || node.outputs[0] || ''}" ${text}` }
}

export function without(attributes: readonly Attribute[], ...names: readonly string[]): readonly Attribute[] {
  return attributes.filter((attribute) => !names.includes(attribute.name))
}

export function hasReference(node: Node, name: string): boolean {
  return node.attributes.some((attribute) => attribute.name === name && attribute.kind === 'ref')
}

/** Inputs with `index` set, '' in between. */
export function withInput(inputs: readonly string[], index: number, name: string): readonly string[] {
  const filled = Array.from({ length: Math.max(inputs.length, index + 1) }, (_, at) => inputs[at] ?? '')
  filled[index] = name
  return filled
}

export function int64Data(
  values: readonly (number | bigint)[],
  shape: readonly number[] = [values.length],
): Omit<TensorRef, 'name'> {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setBigInt64(index * 8, BigInt(value), true)
  return { dtype: 'i64', shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

export function float32Data(
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Omit<TensorRef, 'name'> {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true)
  return { dtype: 'f32', shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

export function newNode(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Attribute[] = [],
): Node {
  return { name: `${outputs[0]}/${op}`, op, domain: '', inputs, outputs, attributes }
}

export const intAttr = (name: string, value: number): Attribute => ({ name, kind: 'int', value })
export const stringAttr = (name: string, value: string): Attribute => ({ name, kind: 'string', value })

/**
 * A scalar in the type of `like`: an f32 constant, behind a Cast where the type is known to be another, behind a CastLike where
 * it is not known. Null when it is not known and the model stays below the version that has CastLike.
 */
export function scalarLike(
  base: string,
  value: number | { readonly reference: string },
  like: string,
  context: RuleContext,
): { readonly name: string; readonly nodes: readonly Node[] } | null {
  const made =
    typeof value === 'number'
      ? context.constant(base, float32Data([value], []))
      : context.constantFrom(base, 'value_float', value.reference)
  const type = context.floatType(like)
  if (type === 'f32') return { name: made.name, nodes: [made.node] }
  const name = context.fresh(`${base}/typed`)
  if (type !== undefined) {
    const code = { f16: 10, f64: 11, bf16: 16 }[type as string]
    if (code === undefined) return null
    return { name, nodes: [made.node, newNode('Cast', [made.name], [name], [intAttr('to', code)])] }
  }
  if (context.to < 15) return null
  return { name, nodes: [made.node, newNode('CastLike', [made.name, like], [name])] }
}
