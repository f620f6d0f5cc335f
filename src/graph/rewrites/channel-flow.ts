import type { Node, TensorRef } from '../../model/graph.ts'
import { attributeOf, intAttribute, intsAttribute } from '../attributes.ts'
import { constantTensor, type ReadSmall } from '../constant-nodes.ts'
import { isStandard, type Scope } from '../walk.ts'
import { perChannel } from './channel-affine.ts'
import { Unions } from './channel-unions.ts'
import { readFloats } from './float-constants.ts'
import { KnownValues } from './known-values.ts'
import { padsOf } from './pad-amounts.ts'
import { biasOf, type Product, productOf } from './products.ts'
import type { Revision } from './revision.ts'

/** Channels of a value on axis 1: numbers from `first` on, one a channel. */
export interface Channels {
  readonly first: number
  readonly count: number
  readonly rank: number
}

/** A product and the channels that it reads and gives; null where they cannot be scaled. */
export interface FlowProduct {
  readonly product: Product
  readonly input: Channels | null
  readonly output: Channels | null
}

/** A constant per channel that has to be divided like the channels: what an Add adds, scale and bias of a norm. */
export interface FlowConstant {
  readonly node: Node
  readonly index: number
  readonly tensor: TensorRef
  readonly values: Float64Array
  readonly channels: Channels
}

/** f(s x) = s f(x) for s > 0, channel by channel. */
const HOMOGENEOUS = new Set([
  ...['Relu', 'LeakyRelu', 'Identity', 'Dropout', 'Abs', 'Neg', 'MaxPool', 'AveragePool', 'GlobalAveragePool'],
  ...['GlobalMaxPool', 'LpPool', 'GlobalLpPool'],
])
/** Of several values: all have to be scaled alike. */
const SUMS = new Set(['Add', 'Sub', 'Sum', 'Max', 'Min', 'Mean'])

/**
 * Which channels of which values of the main graph have to be scaled together: they meet in a sum, lie in one Concat, or are the
 * same channel before and after what a positive factor passes through. Products divide their outputs and multiply
 * their inputs; everything unknown, outputs of the graph and what bodies read hold their channels fixed.
 */
export class ChannelFlow {
  readonly products: FlowProduct[] = []
  readonly constants: FlowConstant[] = []
  readonly values = new Map<string, Channels>()
  readonly unions = new Unions()
  readonly #fixed = new Set<number>()
  readonly #scope: Scope
  readonly #revision: Revision
  readonly #known: KnownValues
  readonly #opset: number
  readonly #read: ReadSmall

  static async of(revision: Revision, opset: number, read: ReadSmall): Promise<ChannelFlow> {
    const known = await KnownValues.of(revision.model, revision.connections, read)
    const flow = new ChannelFlow(revision, known, opset, read)
    for (const node of flow.#scope.nodes) await flow.#visit(node)
    flow.#fixWhatIsSeen()
    return flow
  }

  private constructor(revision: Revision, known: KnownValues, opset: number, read: ReadSmall) {
    this.#revision = revision
    this.#scope = revision.connections.scopes[0] as Scope
    this.#known = known
    this.#opset = opset
    this.#read = read
  }

  /** Numbers of channels that keep their scale, as roots. */
  fixedRoots(): ReadonlySet<number> {
    return new Set([...this.#fixed].map((at) => this.unions.root(at)))
  }

  /** These channels keep their scale. */
  hold({ first, count }: Channels): void {
    for (let at = first; at < first + count; at++) this.#fixed.add(at)
  }

  async #visit(node: Node): Promise<void> {
    if (this.#opset >= 7 && isStandard(node) && (await this.#follow(node))) return
    for (const name of node.inputs) this.#fix(name)
  }

  /** False: nothing is known of the node. */
  async #follow(node: Node): Promise<boolean> {
    if (node.attributes.some(({ kind }) => kind === 'ref')) return false
    const product = productOf(node, this.#scope, this.#revision.connections)
    if (product !== null) return this.#product(product)
    if (node.outputs.slice(1).some((name) => name !== '') && node.op !== 'Split') return false
    const [input = '', second = ''] = node.inputs
    const channels = this.values.get(input)
    if (HOMOGENEOUS.has(node.op)) return this.#alias(node, channels)
    switch (node.op) {
      case 'PRelu':
        return this.#constant(second) !== null && this.#alias(node, channels)
      case 'Resize':
      case 'Upsample': {
        const spans = this.#known.shape(this.#scope, node.outputs[0] ?? '')
        const keeps = channels !== undefined && spans?.length === channels.rank && spans[1] === channels.count
        return keeps && attributeOf(node, 'extrapolation_value') === undefined && this.#alias(node, channels)
      }
      case 'Pad':
        return channels !== undefined && (await this.#padsSpace(node, channels)) && this.#alias(node, channels)
      case 'ReduceMean':
        return this.#mean(node, channels)
      case 'Flatten':
      case 'Reshape':
      case 'Squeeze':
        return this.#flat(node, channels)
      case 'Concat':
        return this.#concat(node)
      case 'Split':
        return this.#split(node, channels)
      case 'Mul':
      case 'Div':
        return this.#times(node)
      case 'InstanceNormalization':
      case 'BatchNormalization':
        return this.#norm(node)
      default:
        return SUMS.has(node.op) && this.#sum(node)
    }
  }

  #product(product: Product): boolean {
    const { node, weight } = product
    const { connections } = this.#revision
    const own = weight.uses.length === 1 && weight.outputOf.length === 0
    if (product.op === 'MatMul' || product.outputRank === undefined || !own) return false
    const read = this.values.get(node.inputs[0] ?? '')
    const fits = read !== undefined && read.count === product.inputChannels && read.rank === product.outputRank
    if (read !== undefined && !fits) this.#fix(node.inputs[0] ?? '')
    for (const name of node.inputs.slice(1)) this.#fix(name)
    const output = this.#track(node.outputs[0] ?? '', product.outputChannels, product.outputRank)
    if (biasOf(product, connections).kind === 'computed') this.#fix(node.outputs[0] ?? '')
    this.products.push({ product, input: fits ? read : null, output })
    return true
  }

  #alias(node: Node, channels: Channels | undefined, rank = channels?.rank): boolean {
    if (channels === undefined || rank === undefined) return false
    this.values.set(node.outputs[0] ?? '', { ...channels, rank })
    return true
  }

  async #padsSpace(node: Node, { rank }: Channels): Promise<boolean> {
    const pads = await padsOf(node, this.#scope, this.#opset, rank, this.#revision.connections, this.#read)
    const around = pads?.amounts.every((amount, at) => at % rank >= 2 || amount === 0)
    return around === true && (pads?.mode !== 'constant' || pads.value === 0)
  }

  #mean(node: Node, channels: Channels | undefined): boolean {
    const axes = intsAttribute(node, 'axes') ?? this.#known.integers(this.#scope, node.inputs[1] ?? '')
    if (channels === undefined || axes === undefined || axes.length === 0) return false
    const { rank } = channels
    if (axes.some((axis) => (axis < 0 ? axis + rank : axis) < 2)) return false
    return this.#alias(node, channels, intAttribute(node, 'keepdims', 1) === 0 ? rank - new Set(axes).size : rank)
  }

  /** To a matrix: every channel becomes as many columns as it has positions. */
  #flat(node: Node, channels: Channels | undefined): boolean {
    const before = this.#known.shape(this.#scope, node.inputs[0] ?? '')
    const after = this.#known.shape(this.#scope, node.outputs[0] ?? '')
    if (channels === undefined || before === undefined || after?.length !== 2) return false
    if (before[1] !== channels.count || before.slice(1).includes(null)) return false
    const positions = before.slice(2).reduce<number>((total, size) => total * (size as number), 1)
    if (after[1] !== channels.count * positions || positions === 0) return false
    if (positions === 1) return this.#alias(node, channels, 2)
    const wide = this.#track(node.outputs[0] ?? '', channels.count * positions, 2)
    for (let at = 0; at < wide.count; at++)
      this.unions.join(wide.first + at, channels.first + Math.floor(at / positions))
    return true
  }

  async #concat(node: Node): Promise<boolean> {
    const given = node.inputs.map((name) => this.#channelsOf(name))
    const rank = given[0]?.rank ?? 0
    if (given.some((one) => one === undefined || one.rank !== rank)) return false
    const parts = given as Channels[]
    const axis = intAttribute(node, 'axis', 1)
    const at = axis < 0 ? axis + rank : axis
    if (at !== 1) return at !== 0 && this.#sum(node)
    const total = parts.reduce((sum, { count }) => sum + count, 0)
    const output = this.#track(node.outputs[0] ?? '', total, rank)
    let from = output.first
    for (const { first, count } of parts) {
      for (let channel = 0; channel < count; channel++) this.unions.join(from + channel, first + channel)
      from += count
    }
    return true
  }

  #split(node: Node, channels: Channels | undefined): boolean {
    if (channels === undefined) return false
    const { rank } = channels
    const axis = intAttribute(node, 'axis', 0)
    const at = axis < 0 ? axis + rank : axis
    if (at !== 1) {
      for (const name of node.outputs) if (name !== '') this.values.set(name, channels)
      return at !== 0
    }
    const sizes = node.outputs.map((name) => this.#known.shape(this.#scope, name)?.[1] ?? null)
    if (sizes.reduce<number>((sum, size) => sum + (size ?? Number.NaN), 0) !== channels.count) return false
    let { first } = channels
    for (const [index, name] of node.outputs.entries()) {
      const count = sizes[index] as number
      this.values.set(name, { first, count, rank })
      first += count
    }
    return true
  }

  /** A factor passes; one that is itself computed keeps its scale. */
  async #times(node: Node): Promise<boolean> {
    const [left = '', right = ''] = node.inputs
    const [a, b] = [this.values.get(left), this.values.get(right)]
    const data = a ?? (node.op === 'Mul' ? b : undefined)
    const other = data === a ? right : left
    if (data === undefined || left === right || data.count < 2) return false
    this.#fix(other)
    const rank = this.#known.rank(this.#scope, other)
    if (rank === undefined || rank > data.rank) return false
    return this.#alias(node, data)
  }

  async #sum(node: Node): Promise<boolean> {
    const constants = node.inputs.filter((name) => this.#constant(name) !== null)
    if (constants.length > 0) return node.op === 'Add' || node.op === 'Sub' ? this.#offset(node) : false
    const given = node.inputs.map((name) => this.#channelsOf(name))
    const [first] = given
    if (first === undefined || first.count < 2) return false
    if (given.some((one) => one?.count !== first.count || one.rank !== first.rank)) return false
    for (const one of given as Channels[]) {
      for (let channel = 0; channel < first.count; channel++) {
        this.unions.join(first.first + channel, one.first + channel)
      }
    }
    return this.#alias(node, first)
  }

  /** x + c, c per channel: c is divided like x. */
  async #offset(node: Node): Promise<boolean> {
    const index = this.#constant(node.inputs[1] ?? '') === null ? 0 : 1
    const data = this.values.get(node.inputs[1 - index] ?? '')
    const tensor = this.#constant(node.inputs[index] ?? '')
    if (data === undefined || tensor === null) return false
    const stored = await readFloats(tensor, this.#read)
    if (stored === null || tensor.shape.length > data.rank) return false
    const values = perChannel({ shape: tensor.shape, values: stored }, data.count, data.rank, 1)
    if (values === null) return false
    this.constants.push({ node, index, tensor, values, channels: data })
    return this.#alias(node, data)
  }

  /** What a norm gives is scaled by its own factors; what it reads stays. */
  async #norm(node: Node): Promise<boolean> {
    const rank = this.#known.rank(this.#scope, node.inputs[0] ?? '') ?? this.values.get(node.inputs[0] ?? '')?.rank
    const found: { index: number; tensor: TensorRef; values: Float64Array }[] = []
    for (const index of [1, 2]) {
      const tensor = this.#constant(node.inputs[index] ?? '')
      const values = tensor?.shape.length === 1 ? await readFloats(tensor, this.#read) : null
      if (tensor === null || values === null) return false
      found.push({ index, tensor, values })
    }
    const count = found[0]?.values.length ?? 0
    if (rank === undefined || found[1]?.values.length !== count) return false
    for (const name of node.inputs) this.#fix(name)
    const channels = this.#track(node.outputs[0] ?? '', count, rank)
    for (const one of found) this.constants.push({ node, ...one, channels })
    return true
  }

  #track(name: string, count: number, rank: number): Channels {
    const channels = { first: this.unions.add(count), count, rank }
    this.values.set(name, channels)
    return channels
  }

  /** Channels of a value that may not be followed: then they are held. */
  #channelsOf(name: string): Channels | undefined {
    const known = this.values.get(name)
    if (known !== undefined) return known
    const shape = this.#known.shape(this.#scope, name)
    const count = shape?.[1]
    if (shape === undefined || shape.length < 2 || typeof count !== 'number' || count > 1 << 16) return undefined
    const channels = this.#track(name, count, shape.length)
    this.#fix(name)
    return channels
  }

  #constant(name: string): TensorRef | null {
    const definition = this.#revision.connections.resolve(this.#scope, name)
    return definition === undefined ? null : constantTensor(definition)
  }

  #fix(name: string): void {
    const channels = this.values.get(name)
    if (channels !== undefined) this.hold(channels)
  }

  /** Values that somebody outside the main graph's nodes sees. */
  #fixWhatIsSeen(): void {
    const own = this.#revision.connections.own(this.#scope)
    for (const name of this.values.keys()) {
      const definition = own.get(name)
      const seen = definition === undefined || definition.outputOf.length > 0 || definition.kind !== 'node'
      if (seen || definition.uses.some(({ scope }) => scope !== this.#scope)) this.#fix(name)
    }
  }
}
