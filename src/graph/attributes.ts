import type { Attribute, Graph, Node, TensorRef } from '../model/graph.ts'

/** The attribute of that name, or undefined. */
export function attributeOf(node: Node, name: string): Attribute | undefined {
  return node.attributes.find((attribute) => attribute.name === name)
}

/**
 * Typed getters: the value, or `fallback` when the attribute is absent or has another kind.
 * Whole numbers outside the safe range are clamped to it, which keeps their sign and stays far from any valid axis.
 */
export function intAttribute(node: Node, name: string, fallback: number): number
export function intAttribute(node: Node, name: string): number | undefined
export function intAttribute(node: Node, name: string, fallback?: number): number | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'int' ? safe(attribute.value) : fallback
}

export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'ints' ? attribute.value.map(safe) : undefined
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'float' ? attribute.value : fallback
}

export function floatsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'floats' ? attribute.value : undefined
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'string' ? attribute.value : fallback
}

export function stringsAttribute(node: Node, name: string): readonly string[] | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'strings' ? attribute.value : undefined
}

export function tensorAttribute(node: Node, name: string): TensorRef | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'tensor' ? attribute.value : undefined
}

export function graphAttribute(node: Node, name: string): Graph | undefined {
  const attribute = attributeOf(node, name)
  return attribute?.kind === 'graph' ? attribute.value : undefined
}

function safe(value: number | bigint): number {
  const number = Number(value)
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number))
}
