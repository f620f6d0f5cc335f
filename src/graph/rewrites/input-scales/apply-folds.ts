import type { Model, Node, TensorRef } from '../../../model/graph.ts'
import type { GraphEdit } from '../../../model/graph-edit.ts'
import type { ReadRange } from '../../compare-elements.ts'
import { constantTensor, isConstantNode } from '../../constant-nodes.ts'
import type { Definition } from '../../consumers.ts'
import { applyEdits } from '../../edit.ts'
import { freshNames } from '../../fresh-names.ts'
import type { ConstantMatrix } from './constant-matrix.ts'
import type { InputFold } from './find-fold.ts'
import { scaledTensor } from './scaled-source.ts'

/** A fold and what its channels are divided by. */
export interface ScaledFold {
  readonly fold: InputFold
  /** Positive; equal where the fold ties channels. */
  readonly factors: Float64Array
}

interface MatrixChange {
  readonly matrix: ConstantMatrix
  inputs: Float64Array | null
  outputs: Float64Array | null
}

interface VectorChange {
  readonly constant: Definition
  readonly places: Map<Node, { readonly inputIndex: number; readonly factors: Float64Array }>
}

/**
 * The model with each fold's value divided by its factors a channel and every product that reads it multiplied. Weights keep their names;
 * a gain or bias that others read too gets one of its own.
 */
export function applyFolds(model: Model, scaled: readonly ScaledFold[], read: ReadRange): Model {
  const matrices = new Map<string, MatrixChange>()
  const vectors = new Map<string, VectorChange>()
  const changeOf = (matrix: ConstantMatrix): MatrixChange => {
    const known = matrices.get(matrix.definition.name) ?? { matrix, inputs: null, outputs: null }
    matrices.set(matrix.definition.name, known)
    return known
  }
  for (const { fold, factors } of scaled) {
    for (const { matrix } of fold.products) {
      const change = changeOf(matrix)
      change.inputs = times(change.inputs, factors)
    }
    for (const { node, inputIndex, constant, matrix, width, spread } of fold.divided) {
      const divisors = (spread(factors, width) as Float64Array).map((one) => 1 / one)
      if (matrix) {
        const change = changeOf(matrix)
        change.outputs = times(change.outputs, divisors)
        continue
      }
      const change: VectorChange = vectors.get(constant.name) ?? { constant, places: new Map() }
      vectors.set(constant.name, change)
      const known = change.places.get(node)?.factors ?? null
      change.places.set(node, { inputIndex, factors: times(known, divisors) })
    }
  }

  const fresh = freshNames(model)
  const replace = new Map<Node, readonly Node[]>()
  const changedInputs = new Map<Node, string[]>()
  const removed: string[] = []
  const added: TensorRef[] = []
  const put = (constant: Definition, tensor: TensorRef): void => {
    if (constant.node && isConstantNode(constant.node)) replace.set(constant.node, [])
    else removed.push(constant.name)
    added.push({ ...tensor, name: constant.name })
  }
  for (const { matrix, inputs, outputs } of matrices.values()) {
    put(
      matrix.definition,
      scaledTensor(
        matrix.tensor,
        matrix.turned ? { rows: outputs, columns: inputs } : { rows: inputs, columns: outputs },
        read,
      ),
    )
  }
  for (const { constant, places } of vectors.values()) {
    const tensor = constantTensor(constant) as TensorRef
    const isOwn = places.size === 1 && constant.uses.length === 1 && constant.outputOf.length === 0
    for (const [node, { inputIndex, factors }] of places) {
      const changed = scaledTensor(tensor, { rows: null, columns: factors }, read)
      if (isOwn) {
        put(constant, changed)
        continue
      }
      const name = fresh(constant.name)
      added.push({ ...changed, name })
      const inputs = changedInputs.get(node) ?? [...node.inputs]
      inputs[inputIndex] = name
      changedInputs.set(node, inputs)
    }
  }
  for (const [node, inputs] of changedInputs) {
    const { carrier: _carrier, ...plain } = node
    replace.set(node, [{ ...plain, inputs }])
  }
  const edit: GraphEdit = { scope: [], replace, removeInitializers: removed, addInitializers: added }
  return applyEdits(model, [edit])
}

function times(known: Float64Array | null, factors: Float64Array): Float64Array {
  return known ? known.map((one, i) => one * (factors[i] as number)) : factors
}
