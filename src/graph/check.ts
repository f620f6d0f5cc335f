import { TersorError } from '../errors.ts'
import type { Model, Node } from '../model/graph.ts'
import { didYouMean } from '../near-names.ts'
import { type Clash, type Connections, connect, type Definition, type Loose } from './consumers.ts'
import { definitionLabel, nodeLabel, quoted, scopeLabel } from './labels.ts'
import { checkOpsets } from './opsets.ts'
import { rebuild, type ScopeChange } from './rebuild.ts'
import { order } from './topological.ts'
import type { Scope } from './walk.ts'

export interface CheckedModel {
  /** The same object when nothing had to be sorted. */
  readonly model: Model
  readonly warnings: readonly string[]
}

/** Near names are looked for among this many; a hint is not worth more. */
const NAMES_FOR_HINTS = 5_000
/** Nodes of a cycle that the message lists. */
const LISTED_NODES = 6

/**
 * Checks the structure of every scope of a model and sorts nodes where the file did not (stable: ties keep file order).
 *
 * Refused with E_FORMAT: a name defined twice in one scope, or by a node of a body where an enclosing scope has it already;
 * an attribute given twice; reads and outputs that nothing defines; cycles; no ai.onnx opset although its operators are used.
 * Warned about: unsorted nodes; names in bodies that hide an outer one where runtimes let them (body inputs, initializers,
 * nodes when the outer value is made after the body's owner); opsets and IR newer than known.
 */
export function checkGraph(model: Model): CheckedModel {
  const connections = connect(model)
  const warnings: string[] = [...checkOpsets(model, connections.scopes)]
  for (const scope of connections.scopes) checkAttributes(scope)
  const clash = connections.clashes[0]
  if (clash !== undefined) throw clashError(clash)
  const places = placesOf(connections.scopes)
  warnings.push(...checkShadows(connections, places))
  const loose = connections.loose[0]
  if (loose !== undefined) throw looseError(loose, connections)
  return sortScopes(model, connections, places, warnings)
}

function checkAttributes(scope: Scope): void {
  for (const node of scope.nodes) {
    if (node.attributes.length < 2) continue
    const seen = new Set<string>()
    for (const { name } of node.attributes) {
      if (seen.has(name)) {
        throw new TersorError('E_FORMAT', `expected each attribute once, found ${quoted(name)} twice`, {
          where: `${nodeLabel(node, scope.nodes)} in ${scopeLabel(scope.path)}`,
        })
      }
      seen.add(name)
    }
  }
}

function clashError({ scope, name, first, second }: Clash): TersorError {
  const found =
    first.kind === 'initializer' && second.kind === 'initializer'
      ? `two initializers named ${quoted(name)}`
      : `${quoted(name)} defined by ${definitionLabel(first)} and by ${definitionLabel(second)}`
  return new TersorError('E_FORMAT', `expected every value to be defined once, found ${found}`, {
    where: scopeLabel(scope.path),
    hint: 'the file is not in single-assignment form; export it again or rename one of the two',
  })
}

/**
 * onnxruntime refuses a hidden name only when a node hides what is already there: an input, a constant, an earlier node.
 * One warning for all others: there may be as many as values.
 */
function checkShadows({ definitions, resolve }: Connections, places: Places): readonly string[] {
  let first: Definition | undefined
  let count = 0
  for (const definition of definitions) {
    const { scope, name } = definition
    const outer = scope.parent === null ? undefined : resolve(scope.parent, name)
    // Merged decoders give results of If the names that its bodies use: nothing in a body could mean those.
    if (outer === undefined || (outer.node !== null && outer.node === scope.owner)) continue
    if (definition.kind === 'node' && !isLater(outer, scope, places)) throw shadowError(definition, outer)
    first ??= definition
    count++
  }
  if (first === undefined) return []
  const more = count > 1 ? `, and ${count - 1} more` : ''
  return [
    `${scopeLabel(first.scope.path)}: ${definitionLabel(first)} ${quoted(first.name)} hides the value of the same name outside${more}`,
  ]
}

/** Is the outer value made by a node after the one that holds the body? */
function isLater(outer: Definition, body: Scope, places: Places): boolean {
  if (outer.node === null) return false
  const place = places.get(outer.scope)!
  return place.get(outer.node)! > place.get(holder(body.parent!, body.owner!, outer.scope))!
}

function shadowError(inner: Definition, outer: Definition): TersorError {
  return new TersorError(
    'E_FORMAT',
    `expected a body to use names that no outer graph defines, found ${quoted(inner.name)} written by ${definitionLabel(inner)} and outside by ${definitionLabel(outer)}`,
    { where: scopeLabel(inner.scope.path), hint: 'rename the value inside the body' },
  )
}

function looseError({ scope, node, name }: Loose, { own }: Connections): TersorError {
  const names: string[] = []
  for (let at: Scope | null = scope; at !== null && names.length < NAMES_FOR_HINTS; at = at.parent) {
    for (const known of own(at).keys()) if (names.length < NAMES_FOR_HINTS) names.push(known)
  }
  const near = didYouMean(name, names)
  const hint = near ?? 'the file is incomplete; export the model again'
  const message =
    node === null
      ? `expected every graph output to be computed, found no node, input or initializer for ${quoted(name)}`
      : `expected every node input to be defined, found ${quoted(name)} which no node, input or initializer gives`
  const place = scopeLabel(scope.path)
  return new TersorError('E_FORMAT', message, {
    where: node === null ? place : `${nodeLabel(node, scope.nodes)} in ${place}`,
    hint,
  })
}

function sortScopes(model: Model, connections: Connections, places: Places, warnings: string[]): CheckedModel {
  const sorted = new Map<Scope, readonly Node[]>()
  const needs = nodeNeeds(connections, places)
  for (const scope of connections.scopes) {
    const { nodes } = scope
    const result = order(nodes.length, needs.get(scope)!)
    if (result.kind === 'sorted') continue
    const ordered = result.positions.map((position) => nodes[position]!)
    if (result.kind === 'cycle') throw cycleError(scope, ordered)
    sorted.set(scope, ordered)
    warnings.push(`${scopeLabel(scope.path)}: nodes were not in order of use; they have been sorted`)
  }
  if (sorted.size === 0) return { model, warnings }
  const change = (scope: Scope): ScopeChange | undefined => {
    const nodes = sorted.get(scope)
    return nodes && { nodes }
  }
  return { model: rebuild(model, change, connections.scopes), warnings }
}

function cycleError(scope: Scope, nodes: readonly Node[]): TersorError {
  const listed = nodes.slice(0, LISTED_NODES).map((node) => nodeLabel(node, scope.nodes))
  if (nodes.length > LISTED_NODES) listed.push(`${nodes.length - LISTED_NODES} more`)
  return new TersorError('E_FORMAT', `expected a graph without cycles, found ${listed.join(' -> ')} -> back`, {
    where: scopeLabel(scope.path),
    hint: 'a node may only use values computed before it; the file is damaged or was edited by hand',
  })
}

/** Position of every node in its scope. */
type Places = ReadonlyMap<Scope, ReadonlyMap<Node, number>>

function placesOf(scopes: readonly Scope[]): Places {
  return new Map(scopes.map((scope) => [scope, new Map(scope.nodes.map((node, position) => [node, position]))]))
}

/** Positions each node waits for. A node with bodies also waits for what its bodies capture. */
function nodeNeeds(
  { scopes, definitions }: Connections,
  places: Places,
): ReadonlyMap<Scope, readonly (readonly number[])[]> {
  const needs = new Map(scopes.map((scope) => [scope, scope.nodes.map((): number[] => [])]))
  for (const { kind, node, scope, uses, outputOf } of definitions) {
    if (kind !== 'node') continue
    const own = places.get(scope)!
    const from = own.get(node!)!
    for (const use of uses) {
      needs.get(scope)![own.get(holder(use.scope, use.node, scope))!]!.push(from)
    }
    for (const body of outputOf) {
      if (body !== scope) needs.get(scope)![own.get(holder(body.parent!, body.owner!, scope))!]!.push(from)
    }
  }
  return needs
}

/** The node of `outer` that is, or whose bodies hold, the given node. */
function holder(scope: Scope, node: Node, outer: Scope): Node {
  let at = scope
  let found = node
  while (at !== outer) {
    found = at.owner!
    at = at.parent!
  }
  return found
}
