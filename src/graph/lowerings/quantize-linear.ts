import { TersorError } from '../../errors.ts'
import type { ActivationGrid, Placement, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { GraphEdit } from '../../model/graph-edit.ts'
import { isConstantNode } from '../constant-nodes.ts'
import { connect } from '../consumers.ts'
import { freshNames } from '../fresh-names.ts'
import { opsetOf } from '../opsets.ts'
import { scopesOf } from '../walk.ts'
import { type LowBitWeight, lowBitWeight, type PackedWeight } from './low-bit-weight.ts'
import { float32s, makeNode } from './make.ts'
import { PairMaker } from './pair-maker.ts'
import { placedBias } from './placed-bias.ts'
import { placedProduct } from './placed-product.ts'
import { placedWeight } from './placed-weight.ts'
import { SharedScalars } from './shared-scalars.ts'

export interface PairInputs {
  /** A grid for every group of the placement. */
  readonly grids: ReadonlyMap<string, ActivationGrid>
  /** Codes of weights by name; a weight that is left out stays float, and so does what reads it. */
  readonly weights: ReadonlyMap<string, StaticWeight>
  /** Float elements of every bias that the placement names. */
  readonly biases: ReadonlyMap<string, Float32Array>
  /** Weights of fewer bits by name, stored packed; their products run as those of 8 bits. They need opset 21. */
  readonly lowBit?: ReadonlyMap<string, LowBitWeight>
}

/** DequantizeLinear takes a scale an axis from here on; 16-bit codes from 21. */
const PER_AXIS = 13
const SIXTEEN_BITS = 21

/**
 * Edits of the main graph that make a placement real: a QuantizeLinear and a DequantizeLinear for every point, DequantizeLinear in the
 * place of weights, int32 biases at the product of the scales, ConvInteger where the placement says so. Values keep
 * their names: what a point rounds is computed under a new name, so outputs and bodies read the rounded value unchanged.
 *
 * E_PLAN for an opset below 13 (21 with 16-bit grids: raise it first), a group without grid, a product without codes of its
 * weight, or a bias beyond int32 (see `leastScalesOf`).
 */
export function insertPairs(model: Model, placement: Placement, given: PairInputs): readonly GraphEdit[] {
  const wide = placement.points.some(
    ({ group, precision }) => precision !== 'wide' && hasLongCodes(given.grids.get(group)),
  )
  const opset = opsetOf(model) ?? 0
  if (opset < (wide ? SIXTEEN_BITS : PER_AXIS)) {
    throw new TersorError('E_PLAN', `expected opset ${wide ? SIXTEEN_BITS : PER_AXIS} or more, found ${opset}`, {
      where: model.label,
      hint: 'raise the opset before pairs are inserted',
    })
  }
  const fresh = freshNames(model)
  const packed = packedWeights(placement, given, opset, fresh)
  const inputs = withPacked(given, packed)
  const scalars = new SharedScalars(fresh)
  const maker = new PairMaker(placement, readInFloat(model, placement), inputs.grids, scalars, fresh)
  const constants: TensorRef[] = []
  const replace = new Map<Node, readonly Node[]>()
  const prepend: Node[] = [...maker.prepended(model)]
  const removeInitializers = new Set<string>()
  const removeInputs = new Set<string>()

  const integerReads = new Map(placement.products.filter(({ form }) => form !== 'stored').map((one) => [one.node, one]))
  const joined = new Map(placement.products.flatMap((one) => (one.biasNode ? [[one.biasNode.node, one] as const] : [])))
  const constantNodes = new Map(model.graph.nodes.filter(isConstantNode).map((node) => [node.outputs[0] ?? '', node]))
  const listed = new Set(model.graph.inputs.map(({ name }) => name))
  const own = new Set(model.graph.initializers.map(({ name }) => name))

  const decoded = new Set<string>()
  for (const { weight } of placement.products) {
    if (weight === null || decoded.has(weight.name)) continue
    const made = weightNodes(weight.name, inputs.weights.get(weight.name), packed.get(weight.name), fresh)
    if (made === null) continue
    decoded.add(weight.name)
    constants.push(...made.constants)
    const spelled = constantNodes.get(weight.name)
    if (spelled !== undefined) replace.set(spelled, made.nodes)
    else prepend.push(...made.nodes)
    if (own.has(weight.name)) removeInitializers.add(weight.name)
    if (listed.has(weight.name)) removeInputs.add(weight.name)
  }

  const biasUses = new Map<string, number>()
  for (const node of model.graph.nodes) {
    const product = integerReads.get(node)
    const before = joined.get(node)
    if (product?.biasNode?.rank === 2 && product.form === 'qdq') {
      replace.set(node, [])
      continue
    }
    const lowered =
      before !== undefined && (before.biasNode?.rank !== 2 || before.form !== 'qdq')
        ? [withWideBias(before, inputs, fresh, constants, biasUses)]
        : (product ?? before)
          ? lowerProduct((product ?? before) as StaticProduct, inputs, maker, scalars, fresh, constants, biasUses)
          : [node]
    const after = maker.after(lowered, node)
    if (after.length === 1 && after[0] === node) continue
    if (!replace.has(node)) replace.set(node, after)
  }
  constants.push(...maker.constants, ...scalars.constants)
  const edit: GraphEdit = {
    scope: [],
    replace,
    prepend,
    addInitializers: constants,
    removeInitializers: [...removeInitializers],
    removeInputs: [...removeInputs],
  }
  return [withoutDeadBiases(model, edit, biasUses)]
}

function lowerProduct(
  product: StaticProduct,
  inputs: PairInputs,
  maker: PairMaker,
  scalars: SharedScalars,
  fresh: (base: string) => string,
  constants: TensorRef[],
  biasUses: Map<string, number>,
): readonly Node[] {
  const { node, weight, bias, biasNode, form, label } = product
  const given = weight === null ? undefined : inputs.weights.get(weight.name)
  if (weight !== null && given === undefined) {
    throw new TersorError('E_PLAN', `expected codes for weight "${weight.name}", found none`, { where: label })
  }
  if (form !== 'qdq') {
    const own = biasNode === null ? bias : null
    const values = own === null ? null : floatsOfBias(own, inputs, label)
    const operands = product.operands.map((name) => maker.codedOf(name, form))
    const made = placedProduct(product, operands, given ?? null, values, scalars, fresh)
    constants.push(...made.constants)
    if (own !== null) biasUses.set(own, (biasUses.get(own) ?? 0) + 1)
    return made.nodes
  }
  const renamed = node.inputs.map((name, index) =>
    product.operands.includes(name) && (index < 2 || name !== bias) ? maker.decodedOf(name) : name,
  )
  if (bias === null || given === undefined || (biasNode !== null && biasNode.rank !== 2))
    return [{ ...node, inputs: renamed }]
  const { scale } = maker.grid(product.operands[0] ?? '')
  const placed = placedBias(bias, floatsOfBias(bias, inputs, label), scale, given.scales, label, fresh)
  constants.push(...placed.constants)
  biasUses.set(bias, (biasUses.get(bias) ?? 0) + 1)
  if (biasNode !== null) {
    return [...placed.nodes, makeNode('Gemm', [...renamed.slice(0, 2), placed.value], biasNode.node.outputs)]
  }
  return [...placed.nodes, { ...node, inputs: renamed.with(2, placed.value) }]
}

/** Weights of few bits as 8-bit codes. Kernels of two unsigned operands are exact everywhere, so unsigned where no pair is fused. */
function packedWeights(
  { products }: Placement,
  { lowBit = new Map() }: PairInputs,
  opset: number,
  fresh: (base: string) => string,
): ReadonlyMap<string, PackedWeight> {
  const packed = new Map<string, PackedWeight>()
  for (const [name, few] of lowBit) {
    const unsigned = products.some(({ weight, form }) => weight?.name === name && form !== 'qdq' && form !== 'stored')
    packed.set(name, lowBitWeight(name, few, unsigned, opset, fresh))
  }
  return packed
}

function withPacked(inputs: PairInputs, packed: ReadonlyMap<string, PackedWeight>): PairInputs {
  const made = [...packed].map(([name, { weight }]) => [name, weight] as const)
  return { ...inputs, weights: new Map([...inputs.weights, ...made]) }
}

/** What stands in the place of a weight; null for one that stays float. */
function weightNodes(
  name: string,
  given: StaticWeight | undefined,
  packed: PackedWeight | undefined,
  fresh: (base: string) => string,
): { readonly nodes: readonly Node[]; readonly constants: readonly TensorRef[] } | null {
  if (given === undefined) return null
  const placed = placedWeight(name, given, fresh)
  const codes = packed ?? { nodes: [], constants: [given.codes] }
  return { nodes: [...codes.nodes, ...placed.nodes], constants: [...codes.constants, ...placed.constants] }
}

/** Values that are given by the graph or a body, or that anything but an integer product reads. */
function readInFloat(model: Model, { products }: Placement): ReadonlySet<string> {
  const operands = new Map(products.map((one) => [one.node, one.operands]))
  const names = new Set<string>()
  for (const { nodes, outputs } of scopesOf(model)) {
    for (const name of outputs) names.add(name)
    for (const node of nodes) {
      for (const name of node.inputs) if (!operands.get(node)?.includes(name)) names.add(name)
    }
  }
  return names
}

function floatsOfBias(name: string, { biases }: PairInputs, label: string): Float32Array {
  const values = biases.get(name)
  if (values !== undefined) return values
  throw new TersorError('E_PLAN', `expected the elements of bias "${name}", found none`, { where: label })
}

function hasLongCodes(grid: ActivationGrid | undefined): boolean {
  return grid?.type === 'u16' || grid?.type === 'i16'
}

/** The Add of a bias that has as many axes as what it is added to: not joined with the MatMul before it. */
function withWideBias(
  { bias, biasNode, label }: StaticProduct,
  inputs: PairInputs,
  fresh: (base: string) => string,
  constants: TensorRef[],
  biasUses: Map<string, number>,
): Node {
  if (biasNode === null || bias === null) throw new TersorError('E_INTERNAL', 'no bias to add', { where: label })
  const values = floatsOfBias(bias, inputs, label)
  const { node, rank } = biasNode
  const name = fresh(`${bias}/wide`)
  constants.push({ ...float32s(name, values), shape: [...new Array<number>(rank - 1).fill(1), values.length] })
  biasUses.set(bias, (biasUses.get(bias) ?? 0) + 1)
  return { ...node, inputs: node.inputs.map((input) => (input === bias ? name : input)) }
}

/** A float bias goes when every reader of it got codes. */
function withoutDeadBiases(model: Model, edit: GraphEdit, uses: ReadonlyMap<string, number>): GraphEdit {
  const { definitions, scopes } = connect(model)
  const dead = definitions.filter(
    (one) =>
      one.scope === scopes[0] &&
      one.outputOf.length === 0 &&
      one.uses.length > 0 &&
      uses.get(one.name) === one.uses.length,
  )
  const replace = new Map(edit.replace)
  const removeInitializers = [...(edit.removeInitializers ?? [])]
  const removeInputs = [...(edit.removeInputs ?? [])]
  for (const { kind, name, node, alsoInput } of dead) {
    if (kind === 'initializer') removeInitializers.push(name)
    if (alsoInput) removeInputs.push(name)
    if (node !== null && isConstantNode(node)) replace.set(node, [])
  }
  return { ...edit, replace, removeInitializers, removeInputs }
}
