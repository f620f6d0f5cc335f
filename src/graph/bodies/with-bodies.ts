import { TersorError } from '../../errors.ts'
import type { Model, Node, OpsetImport } from '../../model/graph.ts'
import { connect, type Definition } from '../consumers.ts'
import { quoted, scopeLabel } from '../labels.ts'
import { sameDomain } from '../opsets.ts'
import { rebuild, type ScopeChange } from '../rebuild.ts'
import { bodiesOf, type Scope, scopeKey } from '../walk.ts'
import { capturesOf } from './captures.ts'
import { NewNames, separateNames } from './separate-names.ts'

/**
 * Puts changed models of `bodiesAsModels(model)` back into the model they were made of. `changed` by `scopeKey`; bodies of one
 * another may change together as long as the outer one keeps the inner as it was, and the main graph may change before, if
 * the nodes that hold bodies have names (`nameOwners`). Names that are new in a body are made
 * unlike all others; imports of other domains are added, the IR version is the highest.
 *
 * E_INTERNAL for a body that does not exist or was lost, other outputs, or another version of ai.onnx: raise the whole model first.
 */
export function withBodies(model: Model, changed: ReadonlyMap<string, Model>): Model {
  if (changed.size === 0) return model
  const connections = connect(model)
  const captures = capturesOf(connections)
  const scopes = new Map(connections.scopes.map((scope) => [scopeKey(scope.path), scope]))
  for (const [key, body] of changed) check(model, scopes.get(key), body, changed, key)
  const asRead = new Set([...changed.keys()].flatMap((key) => scopes.get(key)?.graph ?? []))
  const names = new NewNames(model, changed.values())
  const bodies = new Map<string, Model>()
  for (const [key, body] of changed) {
    const scope = scopes.get(key)!
    const before = new Set(connections.own(scope).keys())
    bodies.set(key, separateNames(withoutGuests(body, captures.get(scope)!), scope.graph!, before, names, asRead))
  }
  const rebuilt = rebuild(
    model,
    (scope) => {
      const body = bodies.get(scopeKey(scope.path))
      return body && changeOf(scope, body)
    },
    connections.scopes,
  )
  const opsets = [...changed.values()].reduce((all, body) => joined(all, body.opsets), model.opsets)
  const irVersion = Math.max(model.irVersion, ...[...changed.values()].map((body) => body.irVersion))
  return { ...rebuilt, opsets, irVersion }
}

/** A body without the initializers that it only had while it was a model: lent constants. */
function withoutGuests(body: Model, captured: ReadonlyMap<string, Definition>): Model {
  const { graph } = body
  const initializers = graph.initializers.filter(({ name }) => !captured.has(name))
  const values = graph.values.filter(({ name }) => !captured.has(name))
  return { ...body, graph: { ...graph, initializers, values } }
}

function changeOf(scope: Scope, { graph }: Model): ScopeChange {
  const { nodes, initializers, values } = graph
  return { nodes, initializers, values, ...(scope.graph === null ? {} : { inputs: scope.graph.inputs }) }
}

function check(
  model: Model,
  scope: Scope | undefined,
  body: Model,
  changed: ReadonlyMap<string, Model>,
  key: string,
): void {
  const fault = (found: string): TersorError =>
    new TersorError('E_INTERNAL', `expected a changed body of the same model, found ${found}`, { where: key })
  if (scope?.graph == null || scope.parent === null) throw fault('one of a body that does not exist')
  const outputs = body.graph.outputs.map(({ name }) => name)
  if (JSON.stringify(outputs) !== JSON.stringify(scope.outputs))
    throw fault(`outputs ${outputs.map(quoted).join(', ')}`)
  for (const { domain, version } of body.opsets) {
    if (!sameDomain(domain, '')) continue
    const own = model.opsets.find((one) => sameDomain(one.domain, ''))
    if (own?.version !== version) throw fault(`ai.onnx ${version} beside ${own?.version}; raise the whole model first`)
  }
  const around = changed.get(scopeKey(scope.parent.path))
  if (around === undefined) return
  const holds = (node: Node): boolean => bodiesOf(node).some(({ graph }) => graph === scope.graph)
  if (!around.graph.nodes.some(holds)) throw fault(`${scopeLabel(scope.path)} changed by what changed around it, too`)
}

function joined(opsets: readonly OpsetImport[], more: readonly OpsetImport[]): readonly OpsetImport[] {
  let all = opsets
  for (const { domain, version } of more) {
    const at = all.findIndex((one) => sameDomain(one.domain, domain))
    const present = all[at]
    if (present === undefined) all = [...all, { domain, version }]
    else if (present.version < version) all = all.with(at, { ...present, version })
  }
  return all
}
