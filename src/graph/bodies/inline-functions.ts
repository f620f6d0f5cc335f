import type { FunctionBody, Model, Node, OpsetImport } from '../../model/graph.ts'
import { constantTensor } from '../constant-nodes.ts'
import { connect } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { consumerLabel } from '../labels.ts'
import { sameDomain } from '../opsets.ts'
import { rebuild } from '../rebuild.ts'
import type { RewriteNote, RewrittenModel } from '../rewrites/rewrite-note.ts'
import { type Scope, scopesOf } from '../walk.ts'
import { copyOf } from './function-copy.ts'

/** Functions call functions; each round replaces the calls of one level. */
const MOST_ROUNDS = 64
/** Calls of calls can multiply without end. */
const MOST_NODES = 50_000
/** Constants that a copy for every call may take. */
const FEW_BYTES = 1024

/**
 * Calls of model-local functions replaced by what they compute, so that their products are products of the graph and its bodies.
 * The function stays the same. Left are functions that import other versions than the model (raise the whole model first), whose
 * constants would be copied, that take attributes by default or call themselves.
 */
export function inlineFunctions(given: Model): RewrittenModel {
  const done: RewriteNote[] = []
  let left: RewriteNote[] = []
  let model = given
  let room = MOST_NODES
  for (let round = 0; round < MOST_ROUNDS && model.functions.length > 0; round++) {
    const result = inlined(model, room)
    left = [...result.left]
    if (result.model === model) break
    done.push(...result.done)
    model = result.model
    room -= result.added
  }
  const called = scopesOf(model).some((scope) => !inFunction(scope) && scope.nodes.some((node) => bodyOf(model, node)))
  if (model !== given && !called) model = { ...model, functions: [] }
  return { model, done, left }
}

function inlined(model: Model, room: number): RewrittenModel & { readonly added: number } {
  const scopes = scopesOf(model).filter((scope) => !inFunction(scope))
  const calls = new Map<FunctionBody, number>()
  const endless = endlessOf(model)
  let added = 0
  for (const scope of scopes) {
    for (const node of scope.nodes) {
      const body = bodyOf(model, node)
      if (body !== undefined) calls.set(body, (calls.get(body) ?? 0) + 1)
    }
  }
  const sizes = constantSizes(model)
  const fresh = freshNames(model)
  const done: RewriteNote[] = []
  const left: RewriteNote[] = []
  let opsets = model.opsets
  const replacement = (node: Node, scope: Scope, body: FunctionBody): readonly Node[] | string => {
    if (endless.has(body)) return 'it calls itself'
    const bytes = sizes.get(body) ?? 0
    const others = calls.get(body)! - 1
    if (bytes * others > FEW_BYTES) return `its constants would be copied ${others} times`
    if (added + body.nodes.length > room) return `more than ${MOST_NODES} nodes would come in`
    const together = joined(opsets, body)
    if (typeof together === 'string') return together
    const nodes = copyOf(body, { node, label: consumerLabel(node, scope), fresh })
    if (typeof nodes === 'string') return nodes
    opsets = together
    added += body.nodes.length
    return nodes
  }
  const changed = rebuild(model, (scope) => {
    if (inFunction(scope)) return undefined
    let touched = false
    const nodes = scope.nodes.flatMap((node) => {
      const body = bodyOf(model, node)
      if (body === undefined) return [node]
      const by = replacement(node, scope, body)
      const note = { rewrite: 'inline', scope: scope.path, node: consumerLabel(node, scope) }
      if (typeof by === 'string') {
        left.push({ ...note, text: `a call of ${body.domain}::${body.name}: ${by}` })
        return [node]
      }
      touched = true
      done.push({ ...note, text: `a call of ${body.domain}::${body.name} written out` })
      return by
    })
    return touched ? { nodes } : undefined
  })
  return { model: changed === model ? model : { ...changed, opsets }, done, left, added }
}

/** The function that a node calls; undefined for operators, and where several functions have one name. */
function bodyOf(model: Model, node: Node): FunctionBody | undefined {
  const found = model.functions.filter(({ name, domain }) => name === node.op && sameDomain(domain, node.domain))
  return found.length === 1 ? found[0] : undefined
}

/** Functions that reach themselves, which no runtime takes. */
function endlessOf(model: Model): ReadonlySet<FunctionBody> {
  const calls = new Map<FunctionBody, Set<FunctionBody>>(model.functions.map((body) => [body, new Set()]))
  for (const scope of scopesOf(model)) {
    const root = rootOf(scope).body
    for (const node of root === null ? [] : scope.nodes) {
      const callee = bodyOf(model, node)
      if (root !== null && callee !== undefined) calls.get(root)?.add(callee)
    }
  }
  const endless = new Set<FunctionBody>()
  for (const start of model.functions) {
    const seen = new Set<FunctionBody>()
    const open = [start]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const next of calls.get(at) ?? []) {
        if (!seen.has(next)) open.push(next)
        seen.add(next)
      }
    }
    if (seen.has(start)) endless.add(start)
  }
  return endless
}

/** Imports of both, or why they do not go together. */
function joined(opsets: readonly OpsetImport[], body: FunctionBody): readonly OpsetImport[] | string {
  let all = opsets
  for (const { domain, version } of body.opsets) {
    const own = all.find((one) => sameDomain(one.domain, domain))
    if (own === undefined) all = [...all, { domain, version }]
    else if (own.version !== version) return `it imports version ${version} of "${domain}", the model ${own.version}`
  }
  return all
}

/** Bytes of the constants in each function. */
function constantSizes(model: Model): ReadonlyMap<FunctionBody, number> {
  const sizes = new Map<FunctionBody, number>()
  for (const definition of connect(model).definitions) {
    const { body } = rootOf(definition.scope)
    const tensor = body === null ? null : constantTensor(definition)
    if (body !== null && tensor !== null) sizes.set(body, (sizes.get(body) ?? 0) + tensor.storage.byteLength)
  }
  return sizes
}

function inFunction(scope: Scope): boolean {
  return rootOf(scope).body !== null
}

function rootOf(scope: Scope): Scope {
  let at = scope
  while (at.parent !== null) at = at.parent
  return at
}
