import type { Graph, Model, ScopePath, TensorRef, ValueInfo } from '../../model/graph.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { connect, type Definition } from '../consumers.ts'
import { scopeLabel } from '../labels.ts'
import { KnownValues } from '../rewrites/known-values.ts'
import { type Scope, scopeKey } from '../walk.ts'
import { capturesOf } from './captures.ts'
import { isLent } from './lent.ts'

/** A body of If, Loop or Scan as a model of its own. */
export interface BodyModel {
  readonly path: ScopePath
  /** `scopeKey(path)`. */
  readonly key: string
  /** Its inputs are those of the body, then what the body takes from outside. Bodies inside it are there as they are. */
  readonly model: Model
  /** Inputs that are values of the scopes around. */
  readonly captured: readonly string[]
  /** Short constants of the scopes around, among the initializers so that limits and axes are known. */
  readonly lent: readonly string[]
  /** Longer constants of the scopes around, which others read too: inputs of the model, each with why. */
  readonly outside: ReadonlyMap<string, string>
}

/**
 * Every body of the main graph, outer ones first, as a model that rewrites and placement work on unchanged; `withBodies`
 * puts them back. Bodies of model-local functions are left out (`inlineFunctions` makes them bodies of the main graph).
 * Run `moveConstantsInward` first: a constant of a scope around is no constant of the body.
 *
 * `read` gets small integer constants only: shapes of what is captured are those that follow from the inputs of the whole model.
 */
export async function bodiesAsModels(model: Model, read: ReadSmall): Promise<readonly BodyModel[]> {
  const connections = connect(model)
  const bodies = connections.scopes.filter(isBody)
  if (bodies.length === 0) return []
  const known = await KnownValues.of(model, connections, read)
  const captures = capturesOf(connections)
  return bodies.map((scope) => bodyModel(model, scope, captures.get(scope)!, known))
}

function isBody(scope: Scope): scope is Scope & { readonly graph: Graph } {
  let root = scope
  while (root.parent !== null) root = root.parent
  return scope.parent !== null && root.body === null
}

function bodyModel(
  whole: Model,
  scope: Scope & { readonly graph: Graph },
  captures: ReadonlyMap<string, Definition>,
  known: KnownValues,
): BodyModel {
  const { graph, path } = scope
  const captured: string[] = []
  const lent: TensorRef[] = []
  const outside = new Map<string, string>()
  for (const [name, definition] of captures) {
    const tensor = constantTensor(definition)
    if (tensor !== null && isLent(definition, tensor)) {
      lent.push(tensor)
      continue
    }
    captured.push(name)
    if (tensor !== null) outside.set(name, `a constant of ${scopeLabel(definition.scope.path)}, which others read too`)
  }
  const infoOf = (name: string): ValueInfo => {
    const [dtype, shape] = [known.dtype(scope, name), known.shape(scope, name)]
    return { name, ...(dtype === undefined ? {} : { dtype }), ...(shape === undefined ? {} : { shape }) }
  }
  const inputs = [...scope.inputs, ...captured].map(infoOf)
  const { carrier: _carrier, ...plain } = whole
  const body = { ...graph, inputs, initializers: [...graph.initializers, ...lent] }
  return {
    path,
    key: scopeKey(path),
    model: { ...plain, label: `${whole.label}: ${scopeLabel(path)}`, graph: body },
    captured,
    lent: lent.map(({ name }) => name),
    outside,
  }
}
