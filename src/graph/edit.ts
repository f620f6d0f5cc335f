import { TersorError } from '../errors.ts'
import type { Model, Node, OpsetImport, TensorRef, ValueInfo } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import { connect } from './consumers.ts'
import { definitionLabel, nodeLabel, quoted, scopeLabel } from './labels.ts'
import { sameDomain } from './opsets.ts'
import { rebuild, type ScopeChange } from './rebuild.ts'
import { type Scope, scopeKey, scopesOf } from './walk.ts'

/** All edits of one scope, merged. */
interface MergedEdit {
  readonly replace: Map<Node, readonly Node[]>
  readonly prepend: Node[]
  readonly addInitializers: Map<string, TensorRef>
  readonly removeInitializers: Set<string>
  readonly removeInputs: Set<string>
  readonly addValues: Map<string, ValueInfo>
}

/**
 * Applies edits in one rebuild. Per scope: prepended nodes first (in edit order), then the old nodes with replacements in
 * their places, added initializers after the old ones. Value entries of names that vanish are dropped. Untouched nodes,
 * tensors and graphs keep their identity. Imports of other domains than ai.onnx are added or raised as edits ask.
 *
 * E_INTERNAL when edits contradict each other or the graph: an unknown scope, node, initializer or input, one node
 * replaced twice, a name defined twice, a read of a name that is gone, an ai.onnx version above the model's, initializers
 * in a function.
 */
export function applyEdits(model: Model, edits: readonly GraphEdit[]): Model {
  if (edits.length === 0) return model
  const scopes = new Map(scopesOf(model).map((scope) => [scopeKey(scope.path), scope]))
  const merged = new Map<string, MergedEdit>()
  for (const edit of edits) {
    const key = scopeKey(edit.scope)
    if (!scopes.has(key)) throw contradiction(`an edit of ${scopeLabel(edit.scope)}, which does not exist`)
    const into = merged.get(key) ?? emptyEdit()
    merged.set(key, into)
    mergeEdit(into, edit)
  }
  const rebuilt = rebuild(model, (scope) => {
    const edit = merged.get(scopeKey(scope.path))
    return edit === undefined ? undefined : changeOf(scope, edit)
  })
  const opsets = mergeOpsets(model, edits)
  const result = opsets === model.opsets ? rebuilt : { ...rebuilt, opsets }
  verify(result)
  return result
}

function emptyEdit(): MergedEdit {
  return {
    replace: new Map(),
    prepend: [],
    addInitializers: new Map(),
    removeInitializers: new Set(),
    removeInputs: new Set(),
    addValues: new Map(),
  }
}

function mergeEdit(into: MergedEdit, edit: GraphEdit): void {
  for (const [node, by] of edit.replace ?? []) {
    if (into.replace.has(node)) throw contradiction(`${node.op} ${quoted(node.name)} replaced by two edits`)
    into.replace.set(node, by)
  }
  into.prepend.push(...(edit.prepend ?? []))
  for (const tensor of edit.addInitializers ?? []) {
    const before = into.addInitializers.get(tensor.name)
    if (before !== undefined && before !== tensor)
      throw contradiction(`two new initializers named ${quoted(tensor.name)}`)
    into.addInitializers.set(tensor.name, tensor)
  }
  for (const name of edit.removeInitializers ?? []) into.removeInitializers.add(name)
  for (const name of edit.removeInputs ?? []) into.removeInputs.add(name)
  for (const value of edit.addValues ?? []) into.addValues.set(value.name, value)
}

function changeOf(scope: Scope, edit: MergedEdit): ScopeChange {
  const known = new Set(scope.nodes)
  for (const node of edit.replace.keys()) {
    if (!known.has(node)) {
      throw contradiction(
        `a replacement of ${node.op} ${quoted(node.name)}, which is not a node of ${scopeLabel(scope.path)}`,
      )
    }
  }
  const kept = edit.replace.size === 0 ? scope.nodes : scope.nodes.flatMap((node) => edit.replace.get(node) ?? [node])
  const nodes = edit.prepend.length === 0 ? kept : [...edit.prepend, ...kept]
  if (scope.graph === null) {
    const onlyNodes = edit.addInitializers.size + edit.removeInitializers.size + edit.removeInputs.size === 0
    if (!onlyNodes)
      throw contradiction(`initializers or inputs of ${scopeLabel(scope.path)} edited; functions have none`)
    return { nodes }
  }
  const { inputs, initializers } = scope.graph
  expectAll(edit.removeInitializers, new Set(initializers.map(({ name }) => name)), 'initializer', scope)
  expectAll(edit.removeInputs, new Set(scope.inputs), 'input', scope)
  const left = initializers.filter(({ name }) => !edit.removeInitializers.has(name))
  const inputsLeft = inputs.filter(({ name }) => !edit.removeInputs.has(name))
  return {
    nodes,
    initializers: [...left, ...edit.addInitializers.values()],
    inputs: inputsLeft,
    values: valuesOf(scope, edit, nodes, inputsLeft),
  }
}

function expectAll(names: ReadonlySet<string>, present: ReadonlySet<string>, kind: string, scope: Scope): void {
  for (const name of names) {
    if (!present.has(name))
      throw contradiction(`removal of ${kind} ${quoted(name)}, which ${scopeLabel(scope.path)} has not`)
  }
}

/** Value entries stay unless what made their name is gone and nothing else makes it now. */
function valuesOf(
  scope: Scope,
  edit: MergedEdit,
  nodes: readonly Node[],
  inputs: readonly ValueInfo[],
): readonly ValueInfo[] {
  const gone = new Set([...edit.removeInitializers, ...edit.removeInputs])
  for (const node of edit.replace.keys()) for (const name of node.outputs) gone.add(name)
  const { values } = scope.graph!
  if (gone.size === 0 && edit.addValues.size === 0) return values
  for (const node of nodes) for (const name of node.outputs) gone.delete(name)
  for (const { name } of inputs) gone.delete(name)
  for (const name of edit.addInitializers.keys()) gone.delete(name)
  const left = values.filter(({ name }) => !gone.has(name) && !edit.addValues.has(name))
  return [...left, ...edit.addValues.values()]
}

function mergeOpsets(model: Model, edits: readonly GraphEdit[]): readonly OpsetImport[] {
  let opsets = model.opsets
  for (const { domain, version } of edits.flatMap((edit) => edit.opsets ?? [])) {
    const at = opsets.findIndex((opset) => sameDomain(opset.domain, domain))
    const present = opsets[at]
    if (present !== undefined && present.version >= version) continue
    if (sameDomain(domain, '')) {
      throw contradiction(
        `nodes of ai.onnx ${version} in a model at ${present?.version ?? 'no version'}; raise it first`,
      )
    }
    opsets = present === undefined ? [...opsets, { domain, version }] : opsets.with(at, { ...present, version })
  }
  return opsets
}

/** Names are unique and every read has a definition; anything else is our fault. */
function verify(model: Model): void {
  const { clashes, loose } = connect(model)
  const clash = clashes[0]
  if (clash !== undefined) {
    const { first, second, scope, name } = clash
    throw contradiction(
      `${quoted(name)} in ${scopeLabel(scope.path)}, given by ${definitionLabel(first)} and ${definitionLabel(second)}`,
    )
  }
  const open = loose[0]
  if (open !== undefined) {
    const reader = open.node === null ? 'an output' : nodeLabel(open.node, open.scope.nodes)
    throw contradiction(
      `${reader} of ${scopeLabel(open.scope.path)} reading ${quoted(open.name)}, which nothing gives any more`,
    )
  }
}

function contradiction(found: string): TersorError {
  return new TersorError('E_INTERNAL', `graph edits: expected edits that fit together, found ${found}`)
}
