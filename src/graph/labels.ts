import type { Node, ScopePath } from '../model/graph.ts'
import type { Definition } from './consumers.ts'
import type { Scope } from './walk.ts'

/** Names come from hostile files; messages stay readable whatever they hold. */
const LONGEST_NAME = 120

/** A name between quotes, control characters replaced, cut when long. */
export function quoted(name: string): string {
  const plain = name.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return plain.length > LONGEST_NAME ? `"${plain.slice(0, LONGEST_NAME)}..."` : `"${plain}"`
}

/** How messages call a node: `MatMul "/encoder/q"`, or `MatMul #12` by its place when it has no name. */
export function nodeLabel(node: Node, siblings: readonly Node[]): string {
  return node.name === '' ? `${node.op} #${siblings.indexOf(node)}` : `${node.op} ${quoted(node.name)}`
}

/** How messages call a scope. */
export function scopeLabel(path: ScopePath): string {
  if (path.length === 0) return 'the main graph'
  if (path[0] === 'function' && path.length === 2) return `function ${quoted(path[1]!)}`
  return `the body ${quoted(path.join(' > '))}`
}

/** How messages call the place where a value comes from. */
export function definitionLabel(definition: Definition): string {
  if (definition.kind === 'node') return nodeLabel(definition.node!, definition.scope.nodes)
  return definition.kind === 'input' ? 'a graph input' : 'an initializer'
}

/** The node as JSON and reports name it: its name, or its first named output, or its operator and place. */
export function consumerLabel(node: Node, scope: Scope): string {
  return node.name || node.outputs.find((name) => name !== '') || `${node.op}#${scope.nodes.indexOf(node)}`
}
