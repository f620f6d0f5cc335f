import type { LearningKernels } from '../../model/learning-kernels.ts'
import type { CodeRange } from './descend.ts'

/** What a product does to a map [height][width][channels]; a product of matrices is one place of 1 x 1. */
export interface LayerShape {
  readonly inputs: number
  readonly outputs: number
  readonly kernelHeight: number
  readonly kernelWidth: number
  readonly strideY: number
  readonly strideX: number
  /** Dilations. */
  readonly stepY: number
  readonly stepX: number
  /** Every channel has a kernel of its own; else every output meets every input. */
  readonly depthwise: boolean
}

/** Multiples of `scale` from lowCode to highCode: a grid whose codes count from its zero. */
export interface CenteredGrid {
  readonly scale: number
  readonly lowCode: number
  readonly highCode: number
}

/** What follows a product, in order: a function that keeps values inside bounds, rounding, and adding another value. */
export type Post =
  | { readonly kind: 'bound'; readonly low: number; readonly high: number; readonly grid: CenteredGrid | null }
  | { readonly kind: 'add'; readonly operand: number }

export interface UnitLayer {
  readonly name: string
  readonly shape: LayerShape
  /** [outputs][inputs, or 1][kernelHeight][kernelWidth] */
  readonly weight: Float32Array
  /** Zeros where the product has none. */
  readonly bias: Float32Array
  /** False: none can be written. */
  readonly hasBias: boolean
  /** Width of its codes; null: the weight stays as it is. */
  readonly bits: number | null
  /** Every output may have a zero of its own among its codes. */
  readonly moves?: boolean
  readonly posts: readonly Post[]
}

/** Products in a row, each read by the next alone. Other values may be added on the way. */
export interface Unit {
  readonly layers: readonly UnitLayer[]
  /** Height and width of the input's windows, then of what each layer gives. */
  readonly sizes: readonly (readonly [number, number])[]
  /** How many other values are added. */
  readonly operands: number
}

/**
 * Windows of maps that a unit reads and gives. All have the channels padded to a multiple of 4. `inside`: for every window and
 * every layer but the last, first and last+1 row and column of what lies inside the picture, four numbers: products after it see
 * zeros elsewhere.
 */
export interface UnitData {
  readonly count: number
  readonly inputs: Float32Array
  /** By operand. */
  readonly added: readonly Float32Array[]
  readonly inside: Int32Array
}

/** The kernels and the memory that units run on. */
export type LearningTools = LearningKernels & { readonly memory: ArrayBuffer; reserve(byteLength: number): number }

export interface RoundedLayer {
  /** In the order of the weight. */
  readonly codes: Int8Array
  /** One an output; may be negative. */
  readonly scales: Float32Array
  /** The lowest code of each output's range. */
  readonly lows: Int8Array
  readonly bias: Float32Array
}

export function padded(channels: number): number {
  return Math.ceil(channels / 4) * 4
}

export function places(shape: LayerShape): number {
  return shape.kernelHeight * shape.kernelWidth
}

/** Rows of a weight matrix as kernels take it: [depth][padded(outputs)]. */
export function depthOf(shape: LayerShape): number {
  return shape.depthwise ? places(shape) : places(shape) * padded(shape.inputs)
}

/** Where element `index` of a weight stands in its padded matrix. */
export function matrixIndex(shape: LayerShape, index: number): number {
  const { inputs, depthwise } = shape
  const kernel = places(shape)
  const own = depthwise ? 1 : inputs
  const place = index % kernel
  const input = Math.floor(index / kernel) % own
  const output = Math.floor(index / (kernel * own))
  const row = depthwise ? place : place * padded(inputs) + input
  return row * padded(shape.outputs) + output
}

/** Smallest and largest code of a width; 8 bits lack one, so that every code can change its sign. */
export function codeRange(bits: number, moves = false): CodeRange {
  const half = 2 ** (bits - 1)
  return { least: bits === 8 ? 1 - half : -half, most: half - 1, moves }
}
