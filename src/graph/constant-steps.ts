import type { TensorRef } from '../model/graph.ts'
import type { ConstantStep } from '../model/inventory.ts'
import { intAttribute, intsAttribute } from './attributes.ts'
import { constantTensor, type ReadSmall, smallIntegers } from './constant-nodes.ts'
import type { Connections, Use } from './consumers.ts'
import { longAxes } from './matrix-roles.ts'
import { dropAxes, insertAxes, permuteAxes, reshapeAxes, type StoredAxes } from './stored-axes.ts'
import { isStandard } from './walk.ts'

/** A constant as seen after some steps. `axes` is null once the way back to the stored order is lost. */
export interface SeenConstant {
  readonly shape: readonly number[]
  readonly axes: StoredAxes | null
  readonly path: readonly ConstantStep[]
}

/** Casts between these keep a weight a weight: f32, f16, f64, bf16 (TensorProto.DataType). */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11, 16])
/** Longer chains of steps are not weights of any real model; the next node counts as a use. */
const MOST_STEPS = 16
/** How far a scale is followed through Identity and Cast. */
const SCALE_HOPS = 4

/**
 * What the node makes of the constant when it only moves or scales it and all else it reads is constant; null when the
 * node is a real use. Of two constants multiplied, the one with more than one long axis is the weight.
 */
export async function takeStep(
  seen: SeenConstant,
  use: Use,
  connections: Connections,
  readSmall: ReadSmall,
): Promise<SeenConstant | null> {
  const { node, inputIndex } = use
  if (!isStandard(node) || seen.path.length >= MOST_STEPS) return null
  if (node.op === 'Mul') return scaleStep(seen, use, connections)
  if (inputIndex !== 0) return null
  const integers = async (index: number): Promise<readonly number[] | null> => {
    const found = connections.resolve(use.scope, node.inputs[index] ?? '')
    const tensor = found === undefined ? null : constantTensor(found)
    return tensor === null ? null : smallIntegers(tensor, readSmall)
  }
  const next = (op: ConstantStep['op'], shape: readonly number[], axes: StoredAxes | null): SeenConstant => {
    return { shape, axes, path: [...seen.path, { op, node, shape }] }
  }
  const rank = seen.shape.length
  switch (node.op) {
    case 'Identity':
      return next('Identity', seen.shape, seen.axes)
    case 'Cast':
      return FLOAT_TYPES.has(intAttribute(node, 'to', 0)) ? next('Cast', seen.shape, seen.axes) : null
    case 'Transpose': {
      const order = intsAttribute(node, 'perm') ?? seen.shape.map((_, axis) => rank - 1 - axis)
      if (!isPermutation(order, rank)) return null
      const shape = order.map((axis) => seen.shape[axis]!)
      return next('Transpose', shape, seen.axes && permuteAxes(seen.axes, order))
    }
    case 'Reshape': {
      const wanted = intsAttribute(node, 'shape') ?? (await integers(1))
      const shape = wanted && reshapedTo(seen.shape, wanted, intAttribute(node, 'allowzero', 0) !== 0)
      return shape && next('Reshape', shape, seen.axes && reshapeAxes(seen.axes, shape))
    }
    case 'Flatten': {
      const axis = withinRank(intAttribute(node, 'axis', 1), rank + 1, rank)
      if (axis === null) return null
      const shape = [product(seen.shape.slice(0, axis)), product(seen.shape.slice(axis))]
      return next('Flatten', shape, seen.axes && reshapeAxes(seen.axes, shape))
    }
    case 'Squeeze': {
      const given = intsAttribute(node, 'axes') ?? (node.inputs[1] ? await integers(1) : allUnits(seen.shape))
      const dropped = given && axisSet(given, rank)
      if (!dropped || [...dropped].some((axis) => seen.shape[axis] !== 1)) return null
      const shape = seen.shape.filter((_, axis) => !dropped.has(axis))
      return next('Squeeze', shape, seen.axes && dropAxes(seen.axes, dropped))
    }
    case 'Unsqueeze': {
      const given = intsAttribute(node, 'axes') ?? (await integers(1))
      const inserted = given && axisSet(given, rank + given.length)
      if (!inserted || inserted.size !== given.length) return null
      return next('Unsqueeze', withUnits(seen.shape, inserted), seen.axes && insertAxes(seen.axes, inserted))
    }
    default:
      return null
  }
}

function scaleStep(seen: SeenConstant, use: Use, connections: Connections): SeenConstant | null {
  const other = use.node.inputs[1 - use.inputIndex]
  const scale = other === undefined ? null : constantThroughCasts(use, other, connections)
  if (scale === null || longAxes(scale.shape) > 1 || longAxes(seen.shape) < 2) return null
  const offset = seen.shape.length - scale.shape.length
  const fits = offset >= 0 && scale.shape.every((size, axis) => size === 1 || size === seen.shape[offset + axis])
  return fits ? { ...seen, path: [...seen.path, { op: 'Mul', node: use.node, shape: seen.shape }] } : null
}

function constantThroughCasts(use: Use, name: string, connections: Connections): TensorRef | null {
  let found = connections.resolve(use.scope, name)
  for (let hop = 0; hop < SCALE_HOPS && found !== undefined; hop++) {
    const tensor = constantTensor(found)
    if (tensor !== null) return tensor
    if (found.node === null || !isStandard(found.node) || !/^(Identity|Cast)$/.test(found.node.op)) return null
    found = connections.resolve(found.scope, found.node.inputs[0] ?? '')
  }
  return null
}

function isPermutation(order: readonly number[], rank: number): boolean {
  return order.length === rank && new Set(order).size === rank && order.every((axis) => axis >= 0 && axis < rank)
}

/** An axis that may count from the end, `rank` being what negative axes are added to. */
function withinRank(axis: number, end: number, rank: number): number | null {
  const positive = axis < 0 ? axis + rank : axis
  return positive >= 0 && positive < end ? positive : null
}

function axisSet(axes: readonly number[], rank: number): Set<number> | null {
  const set = new Set<number>()
  for (const axis of axes) {
    const positive = withinRank(axis, rank, rank)
    if (positive === null) return null
    set.add(positive)
  }
  return set
}

function allUnits(shape: readonly number[]): number[] {
  return shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
}

function withUnits(shape: readonly number[], inserted: ReadonlySet<number>): number[] {
  const rest = [...shape]
  const result: number[] = []
  while (rest.length > 0 || inserted.has(result.length)) result.push(inserted.has(result.length) ? 1 : rest.shift()!)
  return result
}

/** The shape a Reshape gives, with 0 (copy) and one -1 (infer) resolved; null when it does not fit. */
function reshapedTo(shape: readonly number[], wanted: readonly number[], zeroIsZero: boolean): number[] | null {
  const result = wanted.map((size, axis) => (size === 0 && !zeroIsZero ? (shape[axis] ?? -2) : size))
  if (result.some((size) => size < -1)) return null
  const open = result.indexOf(-1)
  const total = product(shape)
  if (open >= 0) {
    const rest = product(result.filter((_, axis) => axis !== open))
    if (rest === 0 || total % rest !== 0) return null
    result[open] = total / rest
  }
  return product(result) === total && !result.includes(-1) ? result : null
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1)
}
