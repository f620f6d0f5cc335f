import type { Model, Node } from '../../model/graph.ts'
import type { ReadSmall } from '../constant-nodes.ts'
import type { Definition } from '../consumers.ts'
import { opsetOf } from '../opsets.ts'
import { isStandard, type Scope } from '../walk.ts'
import { type Affine, affineOf, perChannel } from './channel-affine.ts'
import { floatConstant, readFloats } from './float-constants.ts'
import { KnownValues } from './known-values.ts'
import {
  biasOf,
  biasPerChannel,
  mayPad,
  type Product,
  productOf,
  responseTo,
  scaledWeight,
  withConstants,
} from './products.ts'
import { Revision } from './revision.ts'
import type { RewrittenModel } from './rewrite-note.ts'

export interface FoldOptions {
  /** Give a weight that others read too a copy of its own, at the cost of its bytes. Default: such a norm stays. */
  readonly splitShared?: boolean
}

/** A fold that was found; factor and offset per channel (all 1 and all 0 are null). */
interface Fold {
  readonly affine: Affine
  readonly product: Product
  /** The constant that an Add puts behind a MatMul; the node and its values per channel. */
  readonly added: { readonly node: Node; readonly values: Float64Array } | null
  readonly forward: boolean
  readonly factor: Float64Array | null
  readonly offset: Float64Array | null
}

/**
 * BatchNormalization of inference, also spelled out as products and sums with constants per channel, into the Conv,
 * ConvTranspose, Gemm or MatMul before it, or into the one behind it where no zeros are put around the value between. That value
 * must have no other reader. Biases are added where none were. Values are combined in f64 and rounded once to the type of
 * the weight, which is kept in memory (at most 128 MiB each). One round: what it makes possible is left to the next.
 */
export async function foldBatchNorms(
  model: Model,
  read: ReadSmall,
  options: FoldOptions = {},
): Promise<RewrittenModel> {
  const revision = new Revision(model, 'batch-norm')
  const known = await KnownValues.of(model, revision.connections, read)
  const opset = opsetOf(model) ?? 0
  const folds: Fold[] = []
  const busy = new Set<Node>()
  for (const scope of revision.scopes) {
    for (const node of scope.nodes) {
      const affine = await affineOf(node, scope, opset, revision.connections, read)
      if (affine === null) continue
      const found = typeof affine === 'string' ? affine : await foldOf(affine, opset, revision, known, read)
      if (typeof found === 'string') {
        if (node.op === 'BatchNormalization') revision.left(scope, node, found)
        continue
      }
      const nodes = [found.affine.node, found.product.node, ...(found.added ? [found.added.node] : [])]
      if (nodes.some((one) => busy.has(one))) continue
      for (const one of nodes) busy.add(one)
      folds.push(found)
    }
  }
  const writer = new FoldWriter(revision, read)
  for (const fold of folds) {
    if (fold.factor === null || options.splitShared === true || isFree(fold, folds)) await writer.write(fold)
    else if (fold.affine.node.op === 'BatchNormalization') {
      revision.left(fold.affine.scope, fold.affine.node, `the weight "${fold.product.weight.name}" has other readers`)
    }
  }
  return revision.finish()
}

/** Whether all who read the weight would read the same new one. */
function isFree({ product, factor, forward }: Fold, folds: readonly Fold[]): boolean {
  const { uses, outputOf } = product.weight
  return (
    outputOf.length === 0 &&
    uses.every(({ node, inputIndex }) => {
      const other = inputIndex === 1 ? folds.find((one) => one.product.node === node) : undefined
      return other !== undefined && other.forward === forward && sameValues(other.factor, factor)
    })
  )
}

function sameValues(a: Float64Array | null, b: Float64Array | null): boolean {
  if (a === null || b === null) return a === b
  return a.length === b.length && a.every((value, index) => value === b[index])
}

async function foldOf(
  affine: Affine,
  opset: number,
  revision: Revision,
  known: KnownValues,
  read: ReadSmall,
): Promise<Fold | string> {
  const { connections } = revision
  const before = onlyReader(affine.data, affine.scope, revision)
  if (typeof before !== 'string' && before.node !== null && before.outputIndex === 0 && opset >= 7) {
    const direct = productOf(before.node, affine.scope, connections)
    const fold =
      direct === null ? await behindAdd(affine, before.node, revision, known, read) : fit(affine, direct, known)
    if (fold !== null) return fold
  }
  const behind = opset < 7 ? null : forward(affine, revision, known)
  if (behind !== null) return behind
  if (typeof before === 'string') return before
  return opset < 7
    ? `opset ${opset} is older than 7`
    : 'no Conv, ConvTranspose, Gemm or MatMul with constants is beside it'
}

/** The value, when one node of its own scope is all that reads it. */
function onlyReader(name: string, scope: Scope, { connections }: Revision): Definition | string {
  const definition = connections.own(scope).get(name)
  if (definition === undefined) return 'what it reads comes from outside'
  if (definition.outputOf.length > 0) return 'the value it reads is an output as well'
  const [use] = definition.uses
  return definition.uses.length === 1 && use?.scope === scope ? definition : 'the value it reads has other readers'
}

function fit(affine: Affine, product: Product, known: KnownValues): Fold | null {
  const { scope, node } = product
  const rank = product.outputRank ?? known.rank(scope, node.outputs[0] ?? '')
  const vectors = along(affine, product.outputChannels, rank, product.op === 'MatMul')
  if (vectors === null) return null
  // A sum behind a MatMul has nowhere to go.
  if (product.op === 'MatMul' && vectors.factor === null) return null
  return { affine, product, added: null, forward: false, ...vectors }
}

/** Factor and offset per channel of a value of that rank. */
function along(
  affine: Affine,
  channels: number,
  rank: number | undefined,
  isLast: boolean,
): Pick<Fold, 'factor' | 'offset'> | null {
  // The channels of a MatMul are on the last axis, those of BatchNormalization on axis 1.
  if (affine.alongChannels && isLast && rank !== 2) return null
  const axis = isLast && rank !== undefined ? rank - 1 : 1
  const vector = (operand: Affine['factor']): Float64Array | null | undefined => {
    if (operand === null) return null
    if (!affine.alongChannels) return perChannel(operand, channels, rank, axis) ?? undefined
    return operand.values.length === channels ? operand.values : undefined
  }
  const [factor, offset] = [vector(affine.factor), vector(affine.offset)]
  if (factor === undefined || offset === undefined) return null
  return {
    factor: factor?.every((value) => value === 1) ? null : factor,
    offset: offset?.every((value) => value === 0) ? null : offset,
  }
}

/** MatMul, Add of a constant, then the affine node. */
async function behindAdd(
  affine: Affine,
  node: Node,
  revision: Revision,
  known: KnownValues,
  read: ReadSmall,
): Promise<Fold | null> {
  const { scope } = affine
  if (!isStandard(node) || node.op !== 'Add') return null
  const add = await affineOf(node, scope, 7, revision.connections, read)
  if (add === null || typeof add === 'string' || add.offset === null) return null
  const inner = onlyReader(add.data, scope, revision)
  if (typeof inner === 'string' || inner.node === null) return null
  const product = productOf(inner.node, scope, revision.connections)
  if (product?.op !== 'MatMul') return null
  const rank = known.rank(scope, inner.name)
  const values = perChannel(add.offset, product.outputChannels, rank, (rank ?? 1) - 1)
  const vectors = along(affine, product.outputChannels, rank, true)
  if (values === null || vectors === null) return null
  return { affine, product, added: { node, values }, forward: false, ...vectors }
}

/** The affine node in front of a product. Sums and products before a MatMul are left to those who know them as norms. */
function forward(affine: Affine, revision: Revision, known: KnownValues): Fold | null {
  const { connections } = revision
  const { scope, node } = affine
  const value = connections.own(scope).get(node.outputs[0] ?? '')
  const [use] = value?.uses ?? []
  if (value?.uses.length !== 1 || value.outputOf.length > 0 || use?.inputIndex !== 0 || use.scope !== scope) return null
  const product = productOf(use.node, scope, connections)
  if (product === null || (!affine.alongChannels && product.op !== 'Conv')) return null
  const rank = product.op === 'Gemm' ? 2 : (product.outputRank ?? known.rank(scope, affine.data))
  const vectors = along(affine, product.inputChannels, rank, product.op === 'MatMul')
  if (vectors === null || (vectors.offset !== null && mayPad(product))) return null
  if (vectors.offset !== null && biasOf(product, connections).kind === 'computed') return null
  if (!affine.alongChannels && isBroadcast(affine, product.inputChannels, rank, known)) return null
  return { affine, product, added: null, forward: true, ...vectors }
}

/** Whether the data may be short of axes or channels that the constants give it. */
function isBroadcast(affine: Affine, channels: number, rank: number | undefined, known: KnownValues): boolean {
  const operands = [affine.factor, affine.offset].filter((one) => one !== null)
  if (operands.every(({ shape, values }) => values.length === 1 && shape.length <= 1)) return false
  const shape = known.shape(affine.scope, affine.data)
  return shape === undefined || shape.length !== rank || shape[1] !== channels
}

class FoldWriter {
  readonly #revision: Revision
  readonly #read: ReadSmall
  /** New weights by the ones they come from. */
  readonly #made = new Map<Definition, { readonly fold: Fold; readonly name: string }[]>()

  constructor(revision: Revision, read: ReadSmall) {
    this.#revision = revision
    this.#read = read
  }

  async write(fold: Fold): Promise<void> {
    const { affine, product } = fold
    const { scope, node } = affine
    const revision = this.#revision
    const bias = biasOf(product, revision.connections)
    const leave = (text: string): void => {
      if (node.op === 'BatchNormalization') revision.left(scope, node, text)
    }
    if (bias.kind === 'computed' && !fold.forward) return leave('the product adds what is not constant per channel')
    const weights = await readFloats(product.tensor, this.#read)
    const stored = bias.kind === 'constant' ? await readFloats(bias.tensor, this.#read) : null
    if (weights === null || (bias.kind === 'constant' && stored === null)) {
      return leave('the weight cannot be read')
    }
    const weight = fold.factor === null ? null : this.#weight(fold, weights)
    const own = stored === null ? null : biasPerChannel(product, stored)
    const sum = fold.forward ? forwardBias(fold, weights, own) : backwardBias(fold, own)
    const output = node.outputs[0] ?? ''
    const told = (): void => revision.done(scope, node, `${node.op} folded into ${product.op} "${label(product)}"`)
    if (product.op === 'MatMul') {
      this.#writeMatMul(fold, weight, sum, output)
      return told()
    }
    const base = (bias.kind === 'constant' ? bias.definition.name : '') || `${label(product)}/bias`
    const folded = withConstants(product, weight, sum === null ? null : this.#vector(fold, base, sum))
    if (fold.forward) {
      revision.replace(node, [])
      revision.replace(product.node, [{ ...folded, inputs: folded.inputs.with(0, affine.data) }])
    } else {
      revision.replace(node, [])
      revision.replace(product.node, [{ ...folded, outputs: [output] }])
    }
    told()
  }

  /** A MatMul keeps its sum in a node of its own. */
  #writeMatMul(fold: Fold, weight: string | null, sum: Float64Array | null, output: string): void {
    const { affine, product, added } = fold
    const revision = this.#revision
    const last = fold.forward ? (product.node.outputs[0] ?? '') : output
    const inner = sum === null ? last : revision.fresh(`${last}/product`)
    const inputs = [fold.forward ? affine.data : (product.node.inputs[0] ?? ''), weight ?? product.node.inputs[1] ?? '']
    const nodes: Node[] = [{ ...product.node, inputs, outputs: [inner] }]
    if (sum !== null) {
      const name = this.#vector(fold, `${last}/bias`, sum)
      const { carrier: _, ...plain } = added?.node ?? product.node
      const label = added?.node.name ?? revision.fresh(`${last}/Add`)
      nodes.push({ ...plain, name: label, op: 'Add', inputs: [inner, name], outputs: [last], attributes: [] })
    }
    revision.replace(affine.node, [])
    if (added !== null) revision.replace(added.node, [])
    revision.replace(product.node, nodes)
  }

  #weight(fold: Fold, values: Float64Array): string {
    const { product, factor } = fold
    const list = this.#made.get(product.weight) ?? []
    this.#made.set(product.weight, list)
    const same = list.find(({ fold: one }) => {
      return one.forward === fold.forward && one.product.scope === product.scope && sameValues(one.factor, factor)
    })
    if (same !== undefined) return same.name
    const name = this.#revision.fresh(product.weight.name)
    const scaled = fold.forward ? scaledWeight(product, values, null, factor) : scaledWeight(product, values, factor)
    this.#revision.add(product.scope, floatConstant(name, product.tensor.dtype, product.tensor.shape, scaled))
    list.push({ fold, name })
    return name
  }

  #vector({ product }: Fold, base: string, values: Float64Array): string {
    const name = this.#revision.fresh(base)
    this.#revision.add(product.scope, floatConstant(name, product.tensor.dtype, [values.length], values))
    return name
  }
}

function backwardBias({ factor, offset, added }: Fold, own: Float64Array | null): Float64Array | null {
  const before = added?.values ?? own
  if (before === null) return offset
  return before.map((value, channel) => value * (factor?.[channel] ?? 1) + (offset?.[channel] ?? 0))
}

function forwardBias({ product, offset }: Fold, weights: Float64Array, own: Float64Array | null): Float64Array | null {
  if (offset === null) return null
  const response = responseTo(product, weights, offset)
  return own === null ? response : own.map((value, channel) => value + (response[channel] as number))
}

function label({ node }: Product): string {
  return node.name || (node.outputs[0] ?? '')
}
