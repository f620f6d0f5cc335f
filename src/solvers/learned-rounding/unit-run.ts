import {
  depthOf,
  type LayerShape,
  type LearningTools,
  type Post,
  padded,
  type Unit,
  type UnitData,
  type UnitLayer,
} from './unit.ts'

/** Where a layer's arrays lie. */
interface LayerMemory {
  readonly layer: UnitLayer
  readonly rows: number
  readonly depth: number
  readonly columns: number
  /** What comes in: [batch][height][width][channels]. */
  readonly map: number
  readonly mapGrad: number
  /** The map itself where patches are single places. */
  readonly patches: number
  readonly weights: number
  readonly weightGrad: number
  readonly bias: number
  readonly biasGrad: number
  readonly raw: number
  /** Results of the posts; the last is the next layer's map. */
  readonly after: readonly number[]
  readonly posts: readonly Post[]
}

/** Multiplications of one call. */
const CALL = 2 ** 22
const NO_BOUND: Post = { kind: 'bound', low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, grid: null }

/** A unit with memory for `batch` windows at a time: forwards in float or as integers compute it, and backwards. */
export class UnitRun {
  readonly unit: Unit
  readonly batch: number
  readonly layers: readonly LayerMemory[]
  readonly kernels: LearningTools
  /** Grad of the result after `backward`'s caller filled it; [batch rows][columns]. */
  readonly grad: number
  /** What the unit should give. */
  readonly target: number
  /** Free memory behind everything. */
  readonly end: number
  readonly #added: readonly number[]
  readonly #zeros: number
  readonly #none: number
  readonly #turned: number
  readonly #patchGrad: number
  readonly #spareGrad: number
  #inside: Int32Array = new Int32Array(0)

  constructor(kernels: LearningTools, unit: Unit, batch: number, extraBytes = 0) {
    this.kernels = kernels
    this.unit = unit
    this.batch = batch
    let next = kernels.reserve(0)
    const take = (floats: number): number => {
      const at = next
      next += Math.ceil(floats / 16) * 64
      return at
    }
    const layers: LayerMemory[] = []
    const [height, width] = unit.sizes[0] as readonly [number, number]
    let map = take(batch * height * width * padded((unit.layers[0] as UnitLayer).shape.inputs))
    let [mostGrad, mostPatches, mostWeights, mostColumns] = [0, 0, 0, 0]
    for (const [index, layer] of unit.layers.entries()) {
      const { shape } = layer
      const [inHeight, inWidth] = unit.sizes[index] as readonly [number, number]
      const [outHeight, outWidth] = unit.sizes[index + 1] as readonly [number, number]
      const rows = batch * outHeight * outWidth
      const [depth, columns] = [depthOf(shape), padded(shape.outputs)]
      const mapFloats = batch * inHeight * inWidth * padded(shape.inputs)
      const posts = layer.posts[0]?.kind === 'bound' ? layer.posts : [NO_BOUND, ...layer.posts]
      const raw = take(rows * columns)
      const after = posts.map(() => take(rows * columns))
      const memory: LayerMemory = {
        layer,
        rows,
        depth,
        columns,
        map,
        mapGrad: take(mapFloats),
        patches: shape.depthwise || isSingle(shape) ? map : take(rows * depth),
        weights: take(depth * columns),
        weightGrad: take(depth * columns),
        bias: take(columns),
        biasGrad: take(columns),
        raw,
        after,
        posts,
      }
      layers.push(memory)
      map = after.at(-1) as number
      mostGrad = Math.max(mostGrad, rows * columns)
      mostPatches = Math.max(mostPatches, shape.depthwise ? 0 : rows * depth)
      mostWeights = Math.max(mostWeights, depth * columns)
      mostColumns = Math.max(mostColumns, columns)
    }
    this.layers = layers
    const last = layers.at(-1) as LayerMemory
    this.#added = Array.from({ length: unit.operands }, (_, operand) => {
      const owner = layers.find(({ posts }) => posts.some((post) => post.kind === 'add' && post.operand === operand))
      return take(owner === undefined ? 0 : owner.rows * owner.columns)
    })
    this.target = take(last.rows * last.columns)
    this.grad = take(mostGrad)
    this.#patchGrad = take(mostPatches)
    this.#turned = take(mostWeights)
    this.#zeros = take(mostColumns)
    this.#none = take(mostColumns)
    this.#spareGrad = this.grad
    this.end = next
    const start = kernels.reserve(next - kernels.reserve(0) + extraBytes)
    new Uint8Array(kernels.memory, start, next - start).fill(0)
  }

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.kernels.memory, at, count)
  }

  /** Rows and columns of the result of a batch. */
  get result(): { readonly at: number; readonly rows: number; readonly columns: number } {
    const last = this.layers.at(-1) as LayerMemory
    return { at: last.after.at(-1) as number, rows: last.rows, columns: last.columns }
  }

  /** Copies windows to where `forward` reads them. */
  load(data: UnitData, indices: ArrayLike<number>): void {
    const first = this.layers[0] as LayerMemory
    copyWindows(
      data.inputs,
      data.count,
      indices,
      this.floats(first.map, this.batch * (data.inputs.length / data.count)),
    )
    for (const [operand, values] of data.added.entries()) {
      const at = this.#added[operand] as number
      copyWindows(values, data.count, indices, this.floats(at, this.batch * (values.length / data.count)))
    }
    const each = data.inside.length / data.count
    const inside = new Int32Array(this.batch * each)
    for (let i = 0; i < this.batch; i++) {
      const from = (indices[i] as number) * each
      inside.set(data.inside.subarray(from, from + each), i * each)
    }
    this.#inside = inside
  }

  loadTargets(targets: Float32Array, count: number, indices: ArrayLike<number>): void {
    copyWindows(targets, count, indices, this.floats(this.target, this.batch * (targets.length / count)))
  }

  /** Runs the first `upTo` layers. `exact`: nothing is rounded. */
  forward(exact: boolean, upTo = this.layers.length): void {
    for (let index = 0; index < upTo; index++) {
      const memory = this.layers[index] as LayerMemory
      this.unfold(index)
      this.#multiply(memory, index)
      this.#activate(memory, exact)
      if (index + 1 < this.layers.length) this.#blank(index, memory.after.at(-1) as number)
    }
  }

  /** Patches of what comes into a layer. */
  unfold(index: number): void {
    const { layer, map, patches, depth } = this.layers[index] as LayerMemory
    if (patches === map) return
    const { shape } = layer
    const [, width] = this.unit.sizes[index] as readonly [number, number]
    this.#eachWindow(index, (at, row) =>
      this.kernels.unfoldMap(
        map + at * 4,
        width,
        padded(shape.inputs),
        padded(shape.inputs),
        ...this.#places(index),
        patches + row * depth * 4,
        0,
      ),
    )
  }

  /** From `grad` of the result to the grads of all weights and biases. Overwrites `grad`. */
  backward(): void {
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const memory = this.layers[index] as LayerMemory
      if (index + 1 < this.layers.length) this.#blank(index, this.grad)
      this.floats(memory.biasGrad, memory.columns).fill(0)
      for (let at = memory.posts.length - 1; at >= 0; at--) this.#pass(memory, at)
      this.#weightGrad(memory, index)
      if (index > 0) this.#inputGrad(memory, index)
    }
  }

  #multiply({ layer, rows, depth, columns, patches, weights, raw, map }: LayerMemory, index: number): void {
    if (!layer.shape.depthwise) {
      multiplyInParts(this.kernels, patches, depth, 1, weights, columns, raw, columns, rows, depth, columns)
      return
    }
    const [, width] = this.unit.sizes[index] as readonly [number, number]
    this.#eachWindow(index, (at, row) =>
      this.kernels.convolveChannels(
        0,
        map + at * 4,
        width,
        columns,
        ...this.#places(index),
        weights,
        raw + row * columns * 4,
      ),
    )
  }

  #activate({ posts, raw, after, rows, columns, bias }: LayerMemory, exact: boolean): void {
    let from = raw
    for (const [at, post] of posts.entries()) {
      const to = after[at] as number
      if (post.kind === 'add') {
        this.kernels.addFloats(from, this.#added[post.operand] as number, 1, rows * columns, to)
      } else {
        const { low, high, grid } = post
        const { scale, lowCode, highCode } = exact || grid === null ? { scale: 0, lowCode: 0, highCode: 0 } : grid
        const added = at === 0 ? bias : this.#zeros
        this.kernels.activateRows(from, added, rows, columns, low, high, scale, lowCode, highCode, to)
      }
      from = to
    }
  }

  #pass({ posts, raw, after, rows, columns, bias, biasGrad }: LayerMemory, at: number): void {
    const post = posts[at] as Post
    if (post.kind === 'add') return
    const { low, high, grid } = post
    // Beyond the ends of its grid a value is clipped as beyond the bounds of a function.
    const least = grid === null ? low : Math.max(low, grid.scale * (grid.lowCode - 0.5))
    const most = grid === null ? high : Math.min(high, grid.scale * (grid.highCode + 0.5))
    const from = at === 0 ? raw : (after[at - 1] as number)
    const [added, sums] = at === 0 ? [bias, biasGrad] : [this.#zeros, this.#none]
    this.kernels.passRows(from, added, rows, columns, least, most, this.#spareGrad, sums)
  }

  #weightGrad({ layer, rows, depth, columns, patches, weightGrad, map }: LayerMemory, index: number): void {
    if (layer.bits === null) return
    if (!layer.shape.depthwise) {
      multiplyInParts(this.kernels, patches, 1, depth, this.grad, columns, weightGrad, columns, depth, rows, columns)
      return
    }
    this.floats(weightGrad, depth * columns).fill(0)
    const [, width] = this.unit.sizes[index] as readonly [number, number]
    this.#eachWindow(index, (at, row) =>
      this.kernels.convolveChannels(
        2,
        map + at * 4,
        width,
        columns,
        ...this.#places(index),
        weightGrad,
        this.grad + row * columns * 4,
      ),
    )
  }

  /** Leaves the grad of a layer's map in `grad`. */
  #inputGrad({ layer, rows, depth, columns, weights, map, mapGrad, patches }: LayerMemory, index: number): void {
    const { shape } = layer
    const [height, width] = this.unit.sizes[index] as readonly [number, number]
    const channels = padded(shape.inputs)
    const count = this.batch * height * width * channels
    const { kernels } = this
    if (shape.depthwise) {
      this.floats(mapGrad, count).fill(0)
      this.#eachWindow(index, (at, row) =>
        kernels.convolveChannels(
          1,
          mapGrad + at * 4,
          width,
          columns,
          ...this.#places(index),
          weights,
          this.grad + row * columns * 4,
        ),
      )
    } else {
      kernels.transposeFloats(weights, columns, depth, columns, this.#turned, depth)
      const to = patches === map ? mapGrad : this.#patchGrad
      multiplyInParts(kernels, this.grad, columns, 1, this.#turned, depth, to, depth, rows, columns, depth)
      if (patches !== map) {
        this.floats(mapGrad, count).fill(0)
        this.#eachWindow(index, (at, row) =>
          kernels.unfoldMap(
            mapGrad + at * 4,
            width,
            channels,
            channels,
            ...this.#places(index),
            this.#patchGrad + row * depth * 4,
            1,
          ),
        )
      }
    }
    this.floats(this.grad, count).set(this.floats(mapGrad, count))
  }

  /** Zeros where a layer's result lies outside the picture. */
  #blank(index: number, at: number): void {
    const { columns } = this.layers[index] as LayerMemory
    const [height, width] = this.unit.sizes[index + 1] as readonly [number, number]
    const each = 4 * (this.layers.length - 1)
    for (let i = 0; i < this.batch; i++) {
      const [top, bottom, left, right] = this.#inside.subarray(i * each + index * 4, i * each + index * 4 + 4)
      if (top === 0 && left === 0 && bottom === height && right === width) continue
      const values = this.floats(at + i * height * width * columns * 4, height * width * columns)
      for (let y = 0; y < height; y++) {
        if (y >= (top as number) && y < (bottom as number)) {
          values.fill(0, y * width * columns, (y * width + (left as number)) * columns)
          values.fill(0, (y * width + (right as number)) * columns, (y + 1) * width * columns)
        } else values.fill(0, y * width * columns, (y + 1) * width * columns)
      }
    }
  }

  #eachWindow(index: number, run: (mapAt: number, row: number) => void): void {
    const { layer } = this.layers[index] as LayerMemory
    const [height, width] = this.unit.sizes[index] as readonly [number, number]
    const [outHeight, outWidth] = this.unit.sizes[index + 1] as readonly [number, number]
    const each = height * width * padded(layer.shape.inputs)
    for (let i = 0; i < this.batch; i++) run(i * each, i * outHeight * outWidth)
  }

  #places(index: number): readonly [number, number, number, number, number, number, number, number] {
    const { kernelHeight, kernelWidth, strideY, strideX, stepY, stepX } = (this.layers[index] as LayerMemory).layer
      .shape
    const [outHeight, outWidth] = this.unit.sizes[index + 1] as readonly [number, number]
    return [kernelHeight, kernelWidth, strideY, strideX, stepY, stepX, outHeight, outWidth]
  }
}

function isSingle({ kernelHeight, kernelWidth, strideY, strideX }: LayerShape): boolean {
  return kernelHeight === 1 && kernelWidth === 1 && strideY === 1 && strideX === 1
}

function copyWindows(from: Float32Array, count: number, indices: ArrayLike<number>, to: Float32Array): void {
  const each = from.length / count
  for (let i = 0; i < indices.length; i++) {
    const at = (indices[i] as number) * each
    to.set(from.subarray(at, at + each), i * each)
  }
}

/** `multiplyRows`, a few rows a call. Overwrites. */
export function multiplyInParts(
  kernels: LearningTools,
  a: number,
  aRow: number,
  aStep: number,
  b: number,
  bStride: number,
  out: number,
  outStride: number,
  rows: number,
  depth: number,
  columns: number,
): void {
  const part = Math.max(4, Math.floor(CALL / (depth * columns) / 4) * 4)
  for (let row = 0; row < rows; row += part) {
    const [from, to] = [a + row * aRow * 4, out + row * outStride * 4]
    const count = Math.min(part, rows - row)
    kernels.multiplyRows(from, aRow, aStep, b, bStride, to, outStride, count, depth, columns, 0)
  }
}
