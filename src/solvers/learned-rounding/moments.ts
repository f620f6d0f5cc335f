import { type LearningTools, type Post, padded, places, type Unit, type UnitData } from './unit.ts'
import { multiplyInParts, type UnitRun } from './unit-run.ts'

/** Second moments about the means of what a layer's weights meet, and of that with what the layer should give. */
export interface LayerMoments {
  /** Elements of a weight row. */
  readonly depth: number
  /** [depth][depth]; one, or for channels with kernels of their own one an output. In the order of the weight's row. */
  readonly grams: readonly Float64Array[]
  /** By output: [depth]. */
  readonly cross: readonly Float64Array[]
  readonly meanIn: readonly Float64Array[]
  readonly meanOut: Float64Array
}

/** Moments over two sets of windows, of which `share` are in the second. */
export function pooled(first: LayerMoments, second: LayerMoments, share: number): LayerMoments {
  const mix = (a: Float64Array, b: Float64Array): Float64Array =>
    a.map((value, i) => (1 - share) * value + share * (b[i] as number))
  const all = (a: readonly Float64Array[], b: readonly Float64Array[]): readonly Float64Array[] =>
    a.map((one, i) => mix(one, b[i] as Float64Array))
  return {
    depth: first.depth,
    grams: all(first.grams, second.grams),
    cross: all(first.cross, second.cross),
    meanIn: all(first.meanIn, second.meanIn),
    meanOut: mix(first.meanOut, second.meanOut),
  }
}

/** Bytes beyond the run's own memory that `layerMoments` needs. */
export function momentBytes(unit: Unit): number {
  return Math.max(
    ...unit.layers.map(({ shape }) => {
      if (shape.depthwise) return 0
      const depth = places(shape) * padded(shape.inputs)
      return 4 * depth * (depth + padded(shape.outputs)) + 256
    }),
  )
}

interface Sums {
  readonly gram: Float64Array
  readonly cross: Float64Array
  readonly sumIn: Float64Array
  readonly sumOut: Float64Array
  rows: number
}

/**
 * Moments of layer `index`: its input as the rounded layers before it give it, its result as the float layers give it before anything
 * follows. `order` are windows, taken a batch at a time; `asFloat` and `asRounded` put the weights in place.
 */
export function layerMoments(
  run: UnitRun,
  index: number,
  data: { readonly float: UnitData; readonly rounded: UnitData },
  order: readonly number[],
  weights: { asFloat(): void; asRounded(): void },
): LayerMoments {
  const memory = run.layers[index] as UnitRun['layers'][number]
  const { shape } = memory.layer
  const { rows, depth, columns } = memory
  const size = shape.depthwise ? columns * depth : depth
  const sums: Sums = {
    gram: new Float64Array(shape.depthwise ? columns * depth * depth : depth * depth),
    cross: new Float64Array(depth * columns),
    sumIn: new Float64Array(size),
    sumOut: new Float64Array(columns),
    rows: 0,
  }
  for (let at = 0; at + run.batch <= order.length; at += run.batch) {
    const windows = order.slice(at, at + run.batch)
    weights.asFloat()
    run.load(data.float, windows)
    run.forward(true, index + 1)
    const wanted = run.floats(memory.raw, rows * columns).slice()
    addBias(wanted, memory.layer.bias, columns)
    addLost(wanted, memory.posts, data, windows)
    weights.asRounded()
    run.load(data.rounded, windows)
    run.forward(false, index)
    run.unfold(index)
    if (shape.depthwise) addChannels(run, index, wanted, sums)
    else addMatrix(run, index, wanted, sums)
    sums.rows += rows
  }
  // Without a bias the means have to come from the weights, too.
  if (!memory.layer.hasBias) {
    sums.sumIn.fill(0)
    sums.sumOut.fill(0)
  }
  return shape.depthwise ? channelMoments(sums, depth, columns, shape.outputs) : matrixMoments(sums, run, index)
}

/** What is added right behind the layer, a residual, has errors of its own: the layer is asked to make them good, too. */
function addLost(
  wanted: Float32Array,
  posts: readonly Post[],
  { float, rounded }: { readonly float: UnitData; readonly rounded: UnitData },
  windows: readonly number[],
): void {
  for (const post of posts) {
    if (post.kind === 'bound') {
      if (post.low > Number.NEGATIVE_INFINITY || post.high < Number.POSITIVE_INFINITY) return
      continue
    }
    const [exact, given] = [float.added[post.operand] as Float32Array, rounded.added[post.operand] as Float32Array]
    const each = exact.length / float.count
    for (const [at, window] of windows.entries()) {
      for (let i = 0; i < each; i++) {
        const to = at * each + i
        const lost = (exact[window * each + i] as number) - (given[window * each + i] as number)
        wanted[to] = (wanted[to] as number) + lost
      }
    }
  }
}

function addBias(values: Float32Array, bias: Float32Array, columns: number): void {
  for (let at = 0; at < values.length; at += columns) {
    for (let o = 0; o < bias.length; o++) values[at + o] = (values[at + o] as number) + (bias[o] as number)
  }
}

function addMatrix(run: UnitRun, index: number, wanted: Float32Array, sums: Sums): void {
  const { rows, depth, columns, patches, raw } = run.layers[index] as UnitRun['layers'][number]
  const kernels: LearningTools = run.kernels
  run.floats(raw, wanted.length).set(wanted)
  const gram = run.end
  const cross = gram + 4 * depth * depth
  multiplyInParts(kernels, patches, 1, depth, patches, depth, gram, depth, depth, rows, depth)
  multiplyInParts(kernels, patches, 1, depth, raw, columns, cross, columns, depth, rows, columns)
  addTo(sums.gram, run.floats(gram, depth * depth))
  addTo(sums.cross, run.floats(cross, depth * columns))
  sumColumns(run.floats(patches, rows * depth), sums.sumIn)
  sumColumns(wanted, sums.sumOut)
}

/** By channel: a small matrix of the places of its kernel. */
function addChannels(run: UnitRun, index: number, wanted: Float32Array, sums: Sums): void {
  const { layer, rows, depth, columns, map } = run.layers[index] as UnitRun['layers'][number]
  const [height, width] = run.unit.sizes[index] as readonly [number, number]
  const [outHeight, outWidth] = run.unit.sizes[index + 1] as readonly [number, number]
  const { kernelWidth, strideY, strideX, stepY, stepX } = layer.shape
  const values = run.floats(map, run.batch * height * width * columns)
  const patch = new Float64Array(depth)
  for (let row = 0; row < rows; row++) {
    const window = Math.floor(row / (outHeight * outWidth))
    const y = Math.floor(row / outWidth) % outHeight
    const x = row % outWidth
    for (let c = 0; c < columns; c++) {
      for (let k = 0; k < depth; k++) {
        const v = y * strideY + Math.floor(k / kernelWidth) * stepY
        const h = x * strideX + (k % kernelWidth) * stepX
        patch[k] = values[((window * height + v) * width + h) * columns + c] as number
      }
      const target = wanted[row * columns + c] as number
      const at = c * depth
      for (let k = 0; k < depth; k++) {
        const own = patch[k] as number
        sums.sumIn[at + k] = (sums.sumIn[at + k] as number) + own
        sums.cross[at + k] = (sums.cross[at + k] as number) + own * target
        const line = (at + k) * depth
        for (let i = 0; i <= k; i++) sums.gram[line + i] = (sums.gram[line + i] as number) + own * (patch[i] as number)
      }
    }
  }
  sumColumns(wanted, sums.sumOut)
}

function addTo(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) sums[i] = (sums[i] as number) + (values[i] as number)
}

function sumColumns(values: Float32Array, sums: Float64Array): void {
  const columns = sums.length
  for (let at = 0; at < values.length; at += columns) {
    for (let c = 0; c < columns; c++) sums[c] = (sums[c] as number) + (values[at + c] as number)
  }
}

function channelMoments(sums: Sums, depth: number, columns: number, outputs: number): LayerMoments {
  const meanOut = sums.sumOut.map((sum) => sum / sums.rows)
  const grams: Float64Array[] = []
  const cross: Float64Array[] = []
  const meanIn: Float64Array[] = []
  for (let c = 0; c < Math.min(outputs, columns); c++) {
    const mean = sums.sumIn.slice(c * depth, (c + 1) * depth).map((sum) => sum / sums.rows)
    const gram = new Float64Array(depth * depth)
    for (let k = 0; k < depth; k++) {
      for (let i = 0; i <= k; i++) {
        const value =
          (sums.gram[(c * depth + k) * depth + i] as number) / sums.rows - (mean[k] as number) * (mean[i] as number)
        gram[k * depth + i] = value
        gram[i * depth + k] = value
      }
    }
    grams.push(gram)
    cross.push(
      mean.map((value, k) => (sums.cross[c * depth + k] as number) / sums.rows - value * (meanOut[c] as number)),
    )
    meanIn.push(mean)
  }
  return { depth, grams, cross, meanIn, meanOut }
}

/** From the padded order of patches, [place][channel], to the order of weights, [input][place]. */
function matrixMoments(sums: Sums, run: UnitRun, index: number): LayerMoments {
  const { layer, depth: wide, columns } = run.layers[index] as UnitRun['layers'][number]
  const { inputs, outputs } = layer.shape
  const kernel = places(layer.shape)
  const depth = inputs * kernel
  const at = Array.from({ length: depth }, (_, j) => (j % kernel) * padded(inputs) + Math.floor(j / kernel))
  const mean = Float64Array.from(at, (from) => (sums.sumIn[from] as number) / sums.rows)
  const meanOut = sums.sumOut.map((sum) => sum / sums.rows)
  const gram = new Float64Array(depth * depth)
  for (let j = 0; j < depth; j++) {
    const line = (at[j] as number) * wide
    for (let i = 0; i < depth; i++) {
      gram[j * depth + i] =
        (sums.gram[line + (at[i] as number)] as number) / sums.rows - (mean[j] as number) * (mean[i] as number)
    }
  }
  const cross = Array.from({ length: outputs }, (_, o) =>
    mean.map(
      (value, j) =>
        (sums.cross[(at[j] as number) * columns + o] as number) / sums.rows - value * (meanOut[o] as number),
    ),
  )
  return { depth, grams: [gram], cross, meanIn: [mean], meanOut }
}
