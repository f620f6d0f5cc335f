import {
  attributeOf,
  floatAttribute,
  intAttribute,
  intsAttribute,
  isStandard,
  stringAttribute,
} from '../../graph/index.ts'
import { Site } from '../../graph/placement/site.ts'
import type { ActivationGrid, Placement, StaticProduct } from '../../model/activation.ts'
import type { Model, Node } from '../../model/graph.ts'
import type { LayerShape, Post } from '../../solvers/learned-rounding/index.ts'
import { readSmall } from '../tensor-bytes.ts'

/** How zeros are put around a map: amounts at its start, or as much as keeps sizes, more of it at the end (or the start). */
export type Padding = { readonly top: number; readonly left: number } | 'same-end' | 'same-start'

export interface ChainLayer {
  readonly product: StaticProduct
  readonly shape: LayerShape
  readonly padding: Padding
  /** Zeros at the ends, for the size of the result; with 'same' they follow. */
  readonly ends: { readonly bottom: number; readonly right: number }
  readonly posts: readonly Post[]
}

/** Products in a row, each read by the next alone: what is rounded together. */
export interface Chain {
  readonly layers: readonly ChainLayer[]
  /** The value that the first product reads. */
  readonly input: string
  /** Values that are added on the way, by operand. */
  readonly added: readonly string[]
  /** Last name of the result. */
  readonly output: string
  /** 'maps': [batch][channels][height][width] or without height; 'rows': channels last. */
  readonly layout: 'maps' | 'rows'
}

export interface ChainOptions {
  /** Weights that get new codes; others stay as they are. */
  readonly wanted: ReadonlySet<string>
  /** Layers in a chain; 1: each layer alone. Default 3. */
  readonly longest?: number
}

const LONGEST = 3

/**
 * The products with wanted weights as chains, in the order of the graph. A chain goes on through Relu, Clip, additions and products as
 * long as one node alone reads each value, and ends behind an addition: a residual unit. Products that no chain can hold (kernels of three
 * dimensions, groups of several channels, shared weights, transposed inputs) are left out.
 */
export async function chainsOf(
  model: Model,
  placement: Placement,
  grids: ReadonlyMap<string, ActivationGrid>,
  { wanted, longest = LONGEST }: ChainOptions,
): Promise<readonly Chain[]> {
  const walk = new ChainWalk(await Site.of(model, readSmall, new Map()), placement, grids)
  const chains: Chain[] = []
  const order = new Map(model.graph.nodes.map((node, index) => [node, index]))
  const products = [...placement.products].sort((a, b) => (order.get(a.node) ?? 0) - (order.get(b.node) ?? 0))
  const taken = new Set<StaticProduct>()
  for (const product of products) {
    if (taken.has(product) || !walk.takes(product)) continue
    const chain = await walk.from(product, longest, taken)
    for (const layer of chain.layers) taken.add(layer.product)
    if (chain.layers.some(({ product: one }) => wanted.has(one.weight?.name ?? ''))) chains.push(chain)
  }
  return chains
}

class ChainWalk {
  readonly #site: Site
  readonly #products: ReadonlyMap<Node, StaticProduct>
  readonly #points: ReadonlyMap<string, Placement['points'][number]>
  readonly #grids: ReadonlyMap<string, ActivationGrid>
  readonly #uses = new Map<string, number>()

  constructor(site: Site, placement: Placement, grids: ReadonlyMap<string, ActivationGrid>) {
    this.#site = site
    this.#products = new Map(placement.products.map((product) => [product.node, product]))
    this.#points = new Map(placement.points.map((point) => [point.value, point]))
    this.#grids = grids
    for (const { weight } of placement.products) {
      if (weight !== null) this.#uses.set(weight.name, (this.#uses.get(weight.name) ?? 0) + 1)
    }
  }

  /** Whether a chain can hold it. */
  takes(product: StaticProduct): boolean {
    const { form, weight } = product
    const rounded = form === 'qdq' || form === 'conv-integer' || form === 'loose'
    return rounded && this.#uses.get(weight?.name ?? '') === 1 && shapeOf(product) !== null
  }

  async from(first: StaticProduct, longest: number, taken: ReadonlySet<StaticProduct>): Promise<Chain> {
    const layers: ChainLayer[] = []
    const added: string[] = []
    let product: StaticProduct | null = first
    let value = ''
    while (product !== null) {
      const posts: Post[] = []
      const after: { value: string; next: StaticProduct | null } = await this.#follow(product, posts, added)
      layers.push({ product, shape: shapeOf(product) as LayerShape, ...paddingOf(product), posts })
      value = after.value
      const ended = posts.some(({ kind }) => kind === 'add')
      const { next } = after
      const goesOn = next !== null && !ended && layers.length < longest && !taken.has(next) && next.op === first.op
      if (goesOn && next !== null && this.takes(next)) {
        const grid = this.#gridAt(value, 'products')
        if (grid !== null) round(posts, grid)
        product = next
      } else product = null
    }
    const layout = first.op === 'Conv' ? 'maps' : 'rows'
    return { layers, input: first.node.inputs[0] ?? '', added, output: value, layout }
  }

  /** What happens to a product's result until the next product, or until others read it too. */
  async #follow(
    product: StaticProduct,
    posts: Post[],
    added: string[],
  ): Promise<{ value: string; next: StaticProduct | null }> {
    let value = (product.biasNode?.node ?? product.node).outputs[0] ?? ''
    for (;;) {
      const grid = this.#gridAt(value, 'all')
      if (grid !== null) round(posts, grid)
      const reader = this.#site.onlyReader(value)
      if (reader === null || !isStandard(reader)) return { value, next: null }
      const next = this.#products.get(reader)
      if (next !== undefined) return { value, next: reader.inputs[0] === value ? next : null }
      const post = await this.#postOf(reader, value, added)
      if (post === null) return { value, next: null }
      posts.push(post)
      value = reader.outputs[0] ?? ''
    }
  }

  async #postOf(node: Node, value: string, added: string[]): Promise<Post | null> {
    if (node.op === 'Relu') return { kind: 'bound', low: 0, high: Number.POSITIVE_INFINITY, grid: null }
    if (node.op === 'Clip') {
      const low = await this.#limit(node, 1, 'min', Number.NEGATIVE_INFINITY)
      const high = await this.#limit(node, 2, 'max', Number.POSITIVE_INFINITY)
      return low === null || high === null ? null : { kind: 'bound', low, high, grid: null }
    }
    if (node.op !== 'Add') return null
    const other = node.inputs.find((name) => name !== value)
    if (other === undefined || this.#site.constant(other) !== null) return null
    added.push(other)
    return { kind: 'add', operand: added.length - 1 }
  }

  async #limit(node: Node, index: number, name: string, open: number): Promise<number | null> {
    const given = node.inputs[index] ?? ''
    if (given !== '') return this.#site.scalar(given)
    return attributeOf(node, name) === undefined ? open : floatAttribute(node, name, open)
  }

  #gridAt(value: string, readers: 'all' | 'products'): Post | null {
    const point = this.#points.get(value)
    const grid = point?.readers === readers ? this.#grids.get(point.group) : undefined
    if (grid === undefined) return null
    const [least, most] = ACTIVATION_CODES[grid.type]
    const centered = { scale: grid.scale, lowCode: least - grid.zero, highCode: most - grid.zero }
    return { kind: 'bound', low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, grid: centered }
  }
}

const ACTIVATION_CODES = { u8: [0, 255], i8: [-128, 127], u16: [0, 65535], i16: [-32768, 32767] } as const

/** Joins rounding with the function before it. */
function round(posts: Post[], rounding: Post): void {
  const last = posts.at(-1)
  if (last?.kind === 'bound' && last.grid === null && rounding.kind === 'bound') {
    posts[posts.length - 1] = { ...last, grid: rounding.grid }
  } else posts.push(rounding)
}

/** Null where learned rounding has no code for it. */
export function shapeOf({ node, op, weight, depthwise }: StaticProduct): LayerShape | null {
  if (weight === null || op === 'ConvTranspose') return null
  const { shape } = weight
  const flat = { kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, stepY: 1, stepX: 1, depthwise: false }
  if (op === 'MatMul' || op === 'Gemm') {
    if (shape.length !== 2 || (op === 'Gemm' && intAttribute(node, 'transA', 0) !== 0)) return null
    const [outputs, inputs] = weight.axis === 0 ? shape : [shape[1], shape[0]]
    return { ...flat, inputs: inputs as number, outputs: outputs as number }
  }
  const [outputs = 0, inputs = 0, ...kernel] = shape
  const groups = intAttribute(node, 'group', 1)
  if (kernel.length > 2 || kernel.length < 1 || (groups !== 1 && !depthwise)) return null
  if (depthwise && groups > 1 && outputs !== groups) return null
  const two = (values: readonly number[] | undefined): readonly [number, number] =>
    values === undefined
      ? [1, 1]
      : values.length === 1
        ? [1, values[0] as number]
        : [values[0] as number, values[1] as number]
  const [kernelHeight, kernelWidth] = two(kernel)
  const [strideY, strideX] = two(intsAttribute(node, 'strides'))
  const [stepY, stepX] = two(intsAttribute(node, 'dilations'))
  const own = depthwise && groups > 1
  return {
    inputs: own ? outputs : inputs,
    outputs,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    stepY,
    stepX,
    depthwise: own,
  }
}

function paddingOf({ node, op, weight }: StaticProduct): Pick<ChainLayer, 'padding' | 'ends'> {
  const none = { padding: { top: 0, left: 0 }, ends: { bottom: 0, right: 0 } }
  if (op !== 'Conv') return none
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (auto === 'SAME_UPPER') return { ...none, padding: 'same-end' }
  if (auto === 'SAME_LOWER') return { ...none, padding: 'same-start' }
  const pads = intsAttribute(node, 'pads')
  if (auto === 'VALID' || pads === undefined) return none
  const flat = (weight?.shape.length ?? 4) === 3
  const [top, left, bottom, right] = flat ? [0, pads[0], 0, pads[1]] : pads
  return { padding: { top: top ?? 0, left: left ?? 0 }, ends: { bottom: bottom ?? 0, right: right ?? 0 } }
}
