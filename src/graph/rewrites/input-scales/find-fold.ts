import type { Node } from '../../../model/graph.ts'
import { intAttribute, intsAttribute } from '../../attributes.ts'
import { constantTensor, type ReadSmall } from '../../constant-nodes.ts'
import type { Connections, Definition } from '../../consumers.ts'
import { isStandard, type Scope } from '../../walk.ts'
import { type ConstantMatrix, matrixOf, vectorOf } from './constant-matrix.ts'
import { type HeadMap, type Spread, splitSpread, straight, tiedSpread } from './spread.ts'

/** A vector or the output channels of a matrix that are divided. */
export interface Divided {
  readonly node: Node
  readonly inputIndex: number
  readonly constant: Definition
  /** Present: of a weight, which is divided by output channels. */
  readonly matrix?: ConstantMatrix
  readonly width: number
  readonly spread: Spread
}

/** How factors a channel of one value can be put into constants on both sides of it, so that the function stays the same. */
export interface InputFold {
  readonly value: string
  readonly depth: number
  /** Every product that reads it: their rows are multiplied. */
  readonly products: readonly { readonly node: Node; readonly matrix: ConstantMatrix }[]
  readonly divided: readonly Divided[]
  /** Channels that have to share a factor, where heads share values. */
  readonly heads?: HeadMap
  /** For the report: what takes the factors. */
  readonly into: string
}

/** `heads`: how repeated heads lie; it cannot be read from every graph, so the caller tries both and runs the result. */
export interface FoldOptions {
  readonly heads: 'together' | 'in turns'
}

interface Taken {
  readonly divided: readonly Divided[]
  readonly heads?: HeadMap
  readonly into: string
}

/** Operators that a positive factor a channel passes through, from their first input. */
const TRANSPARENT: ReadonlySet<string> = new Set(['Identity', 'Cast', 'Dropout', 'Relu', 'LeakyRelu'])
/** Operators between values and the product with attention probabilities, which move heads about. */
const MOVES: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Tile',
  'Expand',
  'Unsqueeze',
  'Squeeze',
  'Identity',
  'Cast',
])
/** Norms by operator: places of gain and bias. */
const NORMS: ReadonlyMap<string, readonly number[]> = new Map([
  ['LayerNormalization', [1, 2]],
  ['SimplifiedLayerNormalization', [1]],
  ['RMSNormalization', [1]],
  ['SkipLayerNormalization', [2, 3]],
  ['SkipSimplifiedLayerNormalization', [2]],
])
/** f32, f16, f64 and bf16, as ONNX numbers them. */
const FLOAT_TYPES: ReadonlySet<number> = new Set([1, 10, 11, 16])
const MOST_STEPS = 32

/**
 * Where the channels of `value` can be divided without another node, and every product that reads it. The reason where that is not
 * possible: another reader, an operator that does not pass factors on, a constant that others share.
 */
export async function findFold(
  value: string,
  connections: Connections,
  read: ReadSmall,
  options: FoldOptions = { heads: 'together' },
): Promise<InputFold | string> {
  const scope = connections.scopes[0] as Scope
  const definition = connections.resolve(scope, value)
  if (!definition) return 'its input is not known'
  if (definition.outputOf.length > 0) return 'its input is an output too'
  const products: { node: Node; matrix: ConstantMatrix }[] = []
  for (const { node, scope: at, inputIndex } of definition.uses) {
    if (isShape(node)) continue
    if (at !== scope) return 'its input is read in a body too'
    if (inputIndex !== 0 || (node.op === 'Gemm' && intAttribute(node, 'transA', 0) !== 0))
      return `its input is also read by ${node.op}`
    const matrix = matrixOf(node, scope, connections)
    if (typeof matrix === 'string')
      return node.op === 'MatMul' || node.op === 'Gemm' ? matrix : `its input is also read by ${node.op}`
    products.push({ node, matrix })
  }
  const depth = products[0]?.matrix.depth ?? 0
  if (products.length === 0 || products.some(({ matrix }) => matrix.depth !== depth))
    return 'its products differ in depth'
  const taken = await new Search(scope, connections, read, depth, options).take(value, straight, depth)
  if (typeof taken === 'string') return taken
  const own = new Set(products.map(({ matrix }) => matrix.definition))
  if (taken.divided.some(({ constant }) => own.has(constant))) return 'its own weight is in front of it'
  return { value, depth, products, ...taken }
}

const isShape = ({ op }: Node): boolean => op === 'Shape' || op === 'Size'

class Search {
  readonly #scope: Scope
  readonly #connections: Connections
  readonly #read: ReadSmall
  readonly #depth: number
  readonly #options: FoldOptions
  #steps = 0

  constructor(scope: Scope, connections: Connections, read: ReadSmall, depth: number, options: FoldOptions) {
    this.#scope = scope
    this.#connections = connections
    this.#read = read
    this.#depth = depth
    this.#options = options
  }

  /** Divides the value of a name; its readers are known to agree. `width`: channels on its last axis, where that is known. */
  async take(name: string, spread: Spread, width: number | null): Promise<Taken | string> {
    if (this.#steps++ > MOST_STEPS) return 'too long a way to a constant in front of it'
    const definition = this.#connections.resolve(this.#scope, name)
    const node = definition?.node
    if (!definition || !node || definition.scope !== this.#scope) return 'nothing in front of it takes factors'
    const isFirst = definition.outputIndex === 0
    const norm = NORMS.get(node.op)
    if (norm && isFirst) return this.#norm(node, norm, spread, width)
    if (!isStandard(node)) return `${node.op} in front of it takes no factors`
    if (node.op === 'Cast' && !FLOAT_TYPES.has(intAttribute(node, 'to', 1)))
      return 'Cast in front of it is not to a float type'
    if (TRANSPARENT.has(node.op) && isFirst) return this.#alone(node, 0, spread, width)
    switch (node.op) {
      case 'Mul':
        return this.#mul(node, spread, width)
      case 'Div':
        return this.#isConstant(node.inputs[0])
          ? 'a constant is divided in front of it'
          : this.#alone(node, 0, spread, width)
      case 'Add':
      case 'Sub':
        return this.#sum(node, spread, width)
      case 'MatMul':
      case 'Gemm':
        return this.#product(node, spread, width)
      case 'Split':
        return this.#split(node, definition, spread)
      case 'Reshape':
        return this.#attention(node)
      default:
        return `${node.op} in front of it passes no factors on`
    }
  }

  #isConstant(name: string | undefined): boolean {
    const definition = this.#connections.resolve(this.#scope, name ?? '')
    return definition !== undefined && constantTensor(definition) !== null
  }

  /** An input that only this node reads. */
  async #alone(node: Node, index: number, spread: Spread, width: number | null): Promise<Taken | string> {
    const why = this.#othersRead(node.inputs[index] ?? '', node)
    return why ?? this.take(node.inputs[index] ?? '', spread, width)
  }

  #othersRead(name: string, node: Node): string | null {
    const definition = this.#connections.resolve(this.#scope, name)
    if (!definition) return 'nothing in front of it takes factors'
    const readers = definition.uses.filter((use) => !isShape(use.node))
    if (definition.outputOf.length > 0 || readers.length !== 1 || readers[0]?.node !== node)
      return `what is in front of it is also read by ${readers.find((use) => use.node !== node)?.node.op ?? 'an output'}`
    return null
  }

  #vector(node: Node, inputIndex: number, spread: Spread, width: number | null): Divided | null {
    const constant = vectorOf(node.inputs[inputIndex] ?? '', width, this.#scope, this.#connections)
    const size = constant ? (constantTensor(constant)?.shape.at(-1) ?? 0) : 0
    if (!constant || spread(new Float64Array(this.#depth).fill(1), size) === null) return null
    return { node, inputIndex, constant, width: size, spread }
  }

  #norm(node: Node, places: readonly number[], spread: Spread, width: number | null): Taken | string {
    if (node.op === 'LayerNormalization' || node.op === 'RMSNormalization') {
      if (intAttribute(node, 'axis', -1) !== -1) return 'the norm in front of it is over more than the last axis'
    }
    const divided: Divided[] = []
    for (const [at, inputIndex] of places.entries()) {
      if (at > 0 && !node.inputs[inputIndex]) continue
      const one = this.#vector(node, inputIndex, spread, width)
      if (one === null) return 'the gain or the bias of the norm in front of it is no constant'
      divided.push(one)
    }
    return { divided, into: `${node.op} gain` }
  }

  async #mul(node: Node, spread: Spread, width: number | null): Promise<Taken | string> {
    const [a = '', b = ''] = node.inputs
    if (a === b) return 'it is a square'
    for (const index of [0, 1]) {
      const one = this.#vector(node, index, spread, width)
      if (one) return { divided: [one], into: 'gain' }
    }
    let why = ''
    // The factor of a gate, or a number: the other side takes it.
    for (const index of [1, 0]) {
      if (this.#isConstant(node.inputs[index])) continue
      const taken = await this.#alone(node, index, spread, width)
      if (typeof taken !== 'string') return taken
      why ||= taken
    }
    return why
  }

  async #sum(node: Node, spread: Spread, width: number | null): Promise<Taken | string> {
    const sides: Taken[] = []
    if (node.inputs[0] === node.inputs[1]) return 'it is added to itself'
    for (const index of [0, 1]) {
      if (this.#isConstant(node.inputs[index])) {
        const one = this.#vector(node, index, spread, width)
        if (one === null) return 'a constant is added that is not one number a channel'
        sides.push({ divided: [one], into: '' })
        continue
      }
      const taken = await this.#alone(node, index, spread, width)
      if (typeof taken === 'string') return taken
      sides.push(taken)
    }
    return joined(sides)
  }

  #product(node: Node, spread: Spread, width: number | null): Taken | string {
    const matrix = matrixOf(node, this.#scope, this.#connections)
    if (typeof matrix === 'string') return `the product in front of it: ${matrix}`
    if (width !== null && matrix.channels !== width) return 'the product in front of it has other channels'
    if (spread(new Float64Array(this.#depth).fill(1), matrix.channels) === null)
      return 'channels do not match those in front'
    const divided: Divided[] = [
      { node, inputIndex: 1, constant: matrix.definition, matrix, width: matrix.channels, spread },
    ]
    const bias = node.op === 'Gemm' ? (node.inputs[2] ?? '') : ''
    if (bias !== '') {
      const one = this.#vector(node, 2, spread, matrix.channels)
      if (one === null) return 'the bias in front of it is no constant a channel'
      divided.push(one)
    }
    return { divided, into: `${node.op} "${matrix.definition.name.slice(0, 60)}"` }
  }

  async #split(node: Node, definition: Definition, spread: Spread): Promise<Taken | string> {
    if (intAttribute(node, 'axis', 0) !== -1 && intAttribute(node, 'axis', 0) !== 2)
      return 'Split in front of it cuts another axis'
    const sizes = intsAttribute(node, 'split') ?? (await this.#integers(node.inputs[1]))
    const parts = node.outputs.length
    return this.#alone(node, 0, splitSpread(spread, definition.outputIndex, parts, sizes), null)
  }

  /** What leaves attention: heads joined, turned back, each a mean of values. Factors pass to the values. */
  async #attention(joining: Node): Promise<Taken | string> {
    const away = 'Reshape in front of it passes no factors on'
    const turning = this.#before(joining)
    if (turning?.op !== 'Transpose' || String(intsAttribute(turning, 'perm')) !== '0,2,1,3') return away
    const mixing = this.#before(turning)
    if (mixing?.op !== 'MatMul' || !isStandard(mixing) || this.#isConstant(mixing.inputs[1])) return away
    let name = mixing.inputs[1] ?? ''
    let why = this.#othersRead(name, mixing)
    let headSize: number | null = null
    for (let step = 0; why === null && step < 12; step++) {
      const node: Node | null | undefined = this.#connections.resolve(this.#scope, name)?.node
      if (!node) return away
      if (!isStandard(node) || !MOVES.has(node.op)) break
      if (node.op === 'Reshape') {
        const last = (await this.#integers(node.inputs[1]))?.at(-1)
        if (last !== undefined && last > 0) headSize = last
      }
      why = this.#othersRead(node.inputs[0] ?? '', node)
      name = node.inputs[0] ?? ''
    }
    if (why !== null) return why
    const shared = await this.take(name, straight, this.#depth)
    if (typeof shared !== 'string') return shared
    if (headSize === null || this.#depth % headSize !== 0) return shared
    // Fewer heads of values than of queries: each is read by several.
    const own = this.#connections.resolve(this.#scope, name)?.node
    const matrix = own && matrixOf(own, this.#scope, this.#connections)
    if (!matrix || typeof matrix === 'string' || this.#depth % matrix.channels !== 0) return shared
    const heads: HeadMap = {
      ...{ headSize, repeats: this.#depth / matrix.channels },
      inTurns: this.#options.heads === 'in turns',
    }
    const taken = await this.take(name, tiedSpread(heads), null)
    return typeof taken === 'string' ? taken : { ...taken, heads }
  }

  /** What makes the first input of a node, where nothing else reads that. */
  #before(node: Node): Node | null {
    const name = node.inputs[0] ?? ''
    if (this.#othersRead(name, node) !== null) return null
    return this.#connections.resolve(this.#scope, name)?.node ?? null
  }

  async #integers(name: string | undefined): Promise<readonly number[] | undefined> {
    const definition = name ? this.#connections.resolve(this.#scope, name) : undefined
    const tensor = definition ? constantTensor(definition) : null
    if (tensor?.dtype !== 'i64' || tensor.storage.byteLength > 512) return undefined
    const bytes = await this.#read(tensor)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return Array.from({ length: bytes.byteLength / 8 }, (_, i) => Number(view.getBigInt64(i * 8, true)))
  }
}

function joined(sides: readonly Taken[]): Taken {
  const heads = sides.find((side) => side.heads)?.heads
  return {
    divided: sides.flatMap(({ divided }) => divided),
    ...(heads ? { heads } : {}),
    into: sides.map(({ into }) => into).find((into) => into !== '') ?? 'bias',
  }
}
