import type { DType } from '../model/dtype.ts'
import type { Model, TensorRef } from '../model/graph.ts'
import type { WeightFacts, WeightUse } from '../model/inventory.ts'
import { constantTensor, isSparseConstant, type ReadSmall } from './constant-nodes.ts'
import { type SeenConstant, takeStep } from './constant-steps.ts'
import { type Connections, connect, type Definition, type Use } from './consumers.ts'
import { movedIntoProduct } from './moved-into-product.ts'
import { roleOf } from './roles.ts'
import { storedAxes, viewOf } from './stored-axes.ts'
import { isStandard, type Scope } from './walk.ts'

/** Only these are followed through constant steps; integers are shapes, codes and indices. */
const FOLLOWED: ReadonlySet<DType> = new Set<DType>(['f32', 'f16', 'bf16', 'f64'])

/**
 * Every constant of a model with its uses, in scope and file order: initializers, `Constant` nodes, sparse ones.
 *
 * Uses are found through Identity, Transpose, Reshape, Flatten, Squeeze, Unsqueeze, float Casts and products with a
 * constant vector, in whatever scope they are. A body (If, Loop, Scan) that returns the constant is a use by the body's
 * owner with `inputIndex` -1 and role 'other': a value under the same name may take the constant's place there.
 * `pinned`: the main graph returns it (also through steps), it is sparse, or it sits in a function, which cannot hold
 * initializers. An initializer that is also an input is not pinned: removing the input is part of replacing it.
 * A constant is dead when it has no uses and is not pinned.
 */
export async function constantsOf(
  model: Model,
  readSmall: ReadSmall,
  connections: Connections = connect(model),
): Promise<readonly WeightFacts[]> {
  const facts: WeightFacts[] = []
  for (const definition of connections.definitions) {
    const tensor = isSparseConstant(definition) ? sparseTensor(definition) : constantTensor(definition)
    if (tensor !== null) facts.push(await factsOf(definition, tensor, connections, readSmall))
  }
  return facts
}

async function factsOf(
  definition: Definition,
  tensor: TensorRef,
  connections: Connections,
  readSmall: ReadSmall,
): Promise<WeightFacts> {
  const spelling = isSparseConstant(definition)
    ? 'sparse'
    : definition.kind === 'node'
      ? 'constant-node'
      : definition.alsoInput
        ? 'initializer-input'
        : 'initializer'
  const found = await usesOf(definition, tensor, connections, readSmall)
  const elementCount = tensor.shape.reduce((count, size) => count * size, 1)
  return {
    name: definition.name,
    scope: definition.scope.path,
    spelling,
    ...(definition.node === null ? {} : { constantNode: definition.node }),
    tensor,
    dtype: tensor.dtype,
    shape: tensor.shape,
    elementCount: spelling === 'sparse' ? 0 : elementCount,
    byteLength: tensor.storage.byteLength,
    uses: found.uses,
    pinned: found.returned || spelling === 'sparse' || inFunction(definition.scope),
  }
}

async function usesOf(
  definition: Definition,
  tensor: TensorRef,
  connections: Connections,
  readSmall: ReadSmall,
): Promise<{ readonly uses: readonly WeightUse[]; readonly returned: boolean }> {
  const uses: WeightUse[] = []
  let returned = false
  const axes = tensor.shape.includes(0) ? null : storedAxes(tensor.shape)
  const queue: { readonly value: Definition; readonly seen: SeenConstant }[] = [
    { value: definition, seen: { shape: tensor.shape, axes, path: [] } },
  ]
  const visited = new Set<Definition>([definition])
  const followed = FOLLOWED.has(tensor.dtype)
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    const { value, seen } = at
    for (const scope of value.outputOf) {
      if (scope.owner === null) returned = true
      else uses.push(bodyResult(scope, seen))
    }
    for (const use of value.uses) {
      const next = followed ? await takeStep(seen, use, connections, readSmall) : null
      const result = next === null ? undefined : connections.own(use.scope).get(use.node.outputs[0] ?? '')
      if (next === null) uses.push(weightUse(use, seen, connections))
      // A step may read the constant twice (Mul of a thing by itself); each value is followed once, which ends cycles too.
      else if (result !== undefined && !visited.has(result)) {
        visited.add(result)
        queue.push({ value: result, seen: next })
      }
    }
  }
  return { uses, returned }
}

function weightUse(use: Use, seen: SeenConstant, connections: Connections): WeightUse {
  const { scope, node, inputIndex } = use
  const producer = (name: string): string | undefined => {
    const maker = connections.resolve(scope, name)?.node
    return maker && isStandard(maker) ? maker.op : undefined
  }
  const { role, labels } = roleOf(node, inputIndex, seen.shape, producer)
  const stored = seen.axes === null || labels === null ? { view: null, axis: null } : viewOf(seen.axes, labels)
  const moved = role === 'other' && movedIntoProduct(use, connections)
  return {
    scope: scope.path,
    node,
    inputIndex,
    role,
    view: stored.view,
    axis: stored.axis,
    path: seen.path,
    ...(moved ? { movedIntoProduct: true } : {}),
  }
}

function bodyResult(scope: Scope, seen: SeenConstant): WeightUse {
  const use = { scope: scope.parent!.path, node: scope.owner!, inputIndex: -1 }
  return { ...use, role: 'other', view: null, axis: null, path: seen.path }
}

function inFunction(scope: Scope): boolean {
  let at = scope
  while (at.parent !== null) at = at.parent
  return at.body !== null
}

/** Elements and type of sparse constants are not read; the entry only says that the name exists. */
function sparseTensor(definition: Definition): TensorRef {
  return { name: definition.name, dtype: 'f32', shape: [], storage: { kind: 'opaque', byteLength: 0 } }
}
