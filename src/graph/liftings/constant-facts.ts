import type { DType } from '../../model/dtype.ts'
import type { Node } from '../../model/graph.ts'
import { intAttribute, intsAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall, smallIntegers } from '../constant-nodes.ts'
import type { Connections, Definition } from '../consumers.ts'
import { isStandard, type Scope } from '../walk.ts'
import { floatTypeOf, MICROSOFT } from './element-types.ts'
import {
  castTo,
  combined,
  dequantized,
  product,
  quantized,
  type Recipe,
  reshapedTo,
  stored,
  taken,
  transposed,
} from './recipe.ts'

/**
 * What a constant is on its way from codes to floats:
 * plain numbers; codes (integers of 8 bits and less, or what QuantizeLinear makes); halves (16-bit floats);
 * codes that were cast to float and still miss their scale; and finished values.
 */
export type Stage = 'plain' | 'codes' | 'half' | 'cast' | 'done'

export interface ConstantFact {
  readonly recipe: Recipe
  readonly stage: Stage
  /** A Reshape stood between codes and scales, so that one behind them restores the shape. */
  readonly reshaped: boolean
  /** The operator that finished it. */
  readonly by?: Node
}

export type ConstantFacts = ReadonlyMap<Definition, ConstantFact>

const CODES: ReadonlySet<DType> = new Set(['i8', 'u8', 'i4', 'u4', 'i2', 'u2'])
const HALVES: ReadonlySet<DType> = new Set(['f16', 'bf16'])
const FLOATS: ReadonlySet<DType> = new Set(['f32', 'f64', 'f16', 'bf16'])
/** Types a QuantizeLinear of a constant is followed to. */
const QUANTIZED: ReadonlySet<DType> = new Set(['i8', 'u8', 'i4', 'u4', 'i2', 'u2', 'i16', 'u16'])
/** Longer chains are no form of a weight; bounds what is nested. */
const MOST_STEPS = 64
/** Times a constant may grow by indices that repeat its entries. */
const MOST_GROWTH = 64
const UNREADABLE: ReadonlySet<DType> = new Set(['string', 'c64', 'c128', 'i64', 'u64', 'bool'])

/**
 * Every value of the scopes that follows from constants by the operators that quantized files use for it.
 * Scopes and nodes must be in order; initializers that are also graph inputs count as constants.
 */
export async function constantFacts(connections: Connections, readSmall: ReadSmall): Promise<ConstantFacts> {
  const facts = new Map<Definition, ConstantFact>()
  for (const definition of connections.definitions) {
    const tensor = constantTensor(definition)
    if (tensor === null || tensor.storage.kind === 'opaque' || UNREADABLE.has(tensor.dtype)) continue
    const stage = CODES.has(tensor.dtype) ? 'codes' : HALVES.has(tensor.dtype) ? 'half' : 'plain'
    facts.set(definition, { recipe: stored(tensor), stage, reshaped: false })
  }
  const depths = new Map<Definition, number>()
  for (const scope of connections.scopes) {
    for (const node of scope.nodes) {
      const definition = connections.own(scope).get(node.outputs[0] ?? '')
      if (definition === undefined || definition.node !== node || facts.has(definition)) continue
      const fact = await factOf(new Step(node, scope, connections, facts, readSmall))
      if (fact === null) continue
      const inputs = node.inputs.map((name) => depths.get(connections.resolve(scope, name) ?? definition) ?? 0)
      const depth = 1 + inputs.reduce((most, one) => Math.max(most, one), 0)
      if (depth > MOST_STEPS) continue
      depths.set(definition, depth)
      facts.set(definition, fact)
    }
  }
  return facts
}

/** One node, and what its inputs are. */
class Step {
  readonly node: Node
  readonly #scope: Scope
  readonly #connections: Connections
  readonly #facts: ConstantFacts
  readonly #readSmall: ReadSmall

  constructor(node: Node, scope: Scope, connections: Connections, facts: ConstantFacts, readSmall: ReadSmall) {
    this.node = node
    this.#scope = scope
    this.#connections = connections
    this.#facts = facts
    this.#readSmall = readSmall
  }

  input(index: number): ConstantFact | undefined {
    const found = this.#definition(index)
    return found && this.#facts.get(found)
  }

  has(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== ''
  }

  async integers(index: number): Promise<readonly number[] | null> {
    const found = this.#definition(index)
    const tensor = found === undefined ? null : constantTensor(found)
    return tensor === null ? null : smallIntegers(tensor, this.#readSmall)
  }

  #definition(index: number): Definition | undefined {
    return this.#connections.resolve(this.#scope, this.node.inputs[index] ?? '')
  }
}

async function factOf(step: Step): Promise<ConstantFact | null> {
  const { node } = step
  if (!isStandard(node) && node.domain !== MICROSOFT) return null
  const first = step.input(0)
  if (first === undefined) return null
  if (node.op === 'DequantizeLinear') return dequantizeFact(step, first)
  if (node.op === 'QuantizeLinear') return quantizeFact(step, first)
  if (!isStandard(node)) return null
  switch (node.op) {
    case 'Cast':
      return castFact(node, first)
    case 'Identity':
      return follow(first, first.recipe)
    case 'Transpose': {
      const order = intsAttribute(node, 'perm') ?? first.recipe.shape.map((_, axis, all) => all.length - 1 - axis)
      const rank = first.recipe.shape.length
      const fits =
        order.length === rank && new Set(order).size === rank && order.every((axis) => axis >= 0 && axis < rank)
      return fits ? follow(first, transposed(first.recipe, order)) : null
    }
    case 'Reshape': {
      const wanted = intsAttribute(node, 'shape') ?? (await step.integers(1))
      return wanted && reshapeFact(first, targetShape(first.recipe.shape, wanted, intAttribute(node, 'allowzero', 0)))
    }
    case 'Squeeze':
    case 'Unsqueeze': {
      const axes = intsAttribute(node, 'axes') ?? (step.has(1) ? await step.integers(1) : [])
      return axes && reshapeFact(first, unitAxes(first.recipe.shape, axes, node.op === 'Squeeze'))
    }
    case 'Gather': {
      const indices = step.input(1) ?? indexFact(await step.integers(1), step)
      const axis = intAttribute(node, 'axis', 0)
      const rank = first.recipe.shape.length
      if (indices?.recipe.dtype !== 'i32' || axis < -rank || axis >= rank) return null
      const recipe = taken(first.recipe, axis < 0 ? axis + rank : axis, indices.recipe)
      return product(recipe.shape) > MOST_GROWTH * product(first.recipe.shape) ? null : follow(first, recipe)
    }
    case 'Sub':
      return arithmeticFact(step, 'sub')
    case 'Mul':
      return arithmeticFact(step, 'mul')
    case 'Div':
      return arithmeticFact(step, 'div')
    default:
      return null
  }
}

/** Small i64 indices as an i32 vector, so that recipes need one type. */
function indexFact(values: readonly number[] | null, step: Step): ConstantFact | null {
  if (values === null) return null
  const bytes = new Uint8Array(Int32Array.from(values).buffer)
  const name = step.node.inputs[1] ?? ''
  const tensor = {
    name,
    dtype: 'i32' as const,
    shape: [values.length],
    storage: { kind: 'bytes' as const, bytes, byteLength: bytes.length },
  }
  return { recipe: stored(tensor), stage: 'plain', reshaped: false }
}

/** Moves of a finished value are the graph's own business; moves before that belong to the form. */
function follow(input: ConstantFact, recipe: Recipe): ConstantFact {
  return { recipe, stage: input.stage === 'done' ? 'plain' : input.stage, reshaped: input.reshaped }
}

function reshapeFact(input: ConstantFact, shape: readonly number[] | null): ConstantFact | null {
  const recipe = shape && reshapedTo(input.recipe, shape)
  if (recipe === null) return null
  if (input.stage !== 'done') return { recipe, stage: input.stage, reshaped: true }
  if (!input.reshaped) return follow(input, recipe)
  return { ...input, recipe, reshaped: false }
}

function castFact(node: Node, input: ConstantFact): ConstantFact | null {
  const dtype = floatTypeOf(intAttribute(node, 'to', 0))
  if (dtype === undefined) return null
  const recipe = castTo(input.recipe, dtype)
  const { reshaped } = input
  if (input.stage === 'codes') return { recipe, stage: 'cast', reshaped }
  if (input.stage === 'half')
    return recipe.dtype === 'f32' || recipe.dtype === 'f64'
      ? { recipe, stage: 'done', reshaped, by: node }
      : follow(input, recipe)
  // A value computed in f32 that the graph uses in another type: the cast belongs to the form where codes stand behind it.
  const narrows = input.recipe.dtype === 'f32' && dtype !== 'f32'
  if (input.stage === 'done' && input.by?.op !== 'Cast' && narrows) return { ...input, recipe }
  return follow(input, recipe)
}

/** The second scale of a stored weight: one per index of the depth, kept in half precision. */
function isHalfFactor(recipe: Recipe): boolean {
  const factor = recipe.kind === 'reshape' ? recipe.input : recipe
  return factor.kind === 'cast' && factor.input.kind === 'stored' && HALVES.has(factor.input.dtype)
}

/** Codes minus zeros, or times scales. The other operand is whatever constant there is. */
function arithmeticFact(step: Step, kind: 'sub' | 'mul' | 'div'): ConstantFact | null {
  const [left, right] = [step.input(0), step.input(1)]
  if (left === undefined || right === undefined) return null
  const recipe = combined(kind, left.recipe, right.recipe)
  if (recipe === null || !FLOATS.has(recipe.dtype)) return null
  const count = product(recipe.shape)
  if (count !== product(left.recipe.shape) && count !== product(right.recipe.shape)) return null
  if (kind === 'mul' && left.by?.op === 'Mul' && isHalfFactor(right.recipe)) {
    return { recipe, stage: 'done', reshaped: left.reshaped, by: step.node }
  }
  const codes = [left, right].find((fact) => fact.stage === 'cast' && product(fact.recipe.shape) === count)
  const plain = { recipe, stage: 'plain' as const, reshaped: false }
  if (codes === undefined) return plain
  if (kind === 'sub') return codes === left ? { recipe, stage: 'cast', reshaped: codes.reshaped } : plain
  if (kind === 'div' && codes !== left) return plain
  return { recipe, stage: 'done', reshaped: codes.reshaped, by: step.node }
}

function dequantizeFact(step: Step, codes: ConstantFact): ConstantFact | null {
  const scale = step.input(1)
  const zero = step.has(2) ? step.input(2)?.recipe : 0
  if (scale === undefined || zero === undefined) return null
  const { node } = step
  const dtype = floatTypeOf(intAttribute(node, 'output_dtype', 0)) ?? scale.recipe.dtype
  if (!FLOATS.has(dtype)) return null
  const recipe = dequantized(codes.recipe, scale.recipe, zero, gridAttributes(node), dtype)
  return recipe && { recipe, stage: 'done', reshaped: codes.reshaped, by: node }
}

function quantizeFact(step: Step, values: ConstantFact): ConstantFact | null {
  const scale = step.input(1)
  const zero = step.has(2) ? step.input(2)?.recipe : 0
  if (scale === undefined || zero === undefined || !FLOATS.has(values.recipe.dtype)) return null
  const dtype = typeof zero === 'number' ? 'u8' : zero.dtype
  if (!QUANTIZED.has(dtype) || intAttribute(step.node, 'output_dtype', 0) !== 0) return null
  const recipe = quantized(values.recipe, scale.recipe, zero, gridAttributes(step.node), dtype)
  return recipe && { recipe, stage: 'codes', reshaped: false }
}

export function gridAttributes(node: Node): { axis: number; block: number } {
  return { axis: intAttribute(node, 'axis', 1), block: intAttribute(node, 'block_size', 0) }
}

function targetShape(shape: readonly number[], wanted: readonly number[], allowzero: number): readonly number[] | null {
  const result = wanted.map((size, axis) => (size === 0 && allowzero === 0 ? (shape[axis] ?? -2) : size))
  const open = result.indexOf(-1)
  if (open >= 0) {
    const rest = product(result.filter((_, axis) => axis !== open))
    if (rest <= 0) return null
    result[open] = product(shape) / rest
  }
  return result.every((size) => Number.isSafeInteger(size) && size >= 0) ? result : null
}

/** The shape without (or with) units at the given axes; a Squeeze without axes drops every unit. */
function unitAxes(shape: readonly number[], axes: readonly number[], squeeze: boolean): readonly number[] | null {
  const rank = squeeze ? shape.length : shape.length + axes.length
  const at = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
  if ([...at].some((axis) => axis < 0 || axis >= rank) || at.size !== axes.length) return null
  if (squeeze) return shape.filter((size, axis) => (at.size === 0 ? size !== 1 : !at.has(axis)))
  const rest = [...shape]
  return Array.from({ length: rank }, (_, axis) => (at.has(axis) ? 1 : (rest.shift() ?? 1)))
}
