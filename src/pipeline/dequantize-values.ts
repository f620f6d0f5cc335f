import { type Grid, product, type Recipe } from '../graph/liftings/index.ts'
import type { DType } from '../model/dtype.ts'
import { roundToBf16 } from '../numbers/bf16.ts'
import { roundToF16 } from '../numbers/f16.ts'
import { roundHalfEven } from '../numbers/rounding.ts'
import { storedValues, type Values } from './dequantize-elements.ts'

export type { Values } from './dequantize-elements.ts'

/** Elements of a transposed matrix that are kept at once: 64 MiB of floats. */
const PANEL_ELEMENTS = 1 << 24

/**
 * Opens a recipe: reads its parameters (and codes, where they fit memory), then gives any window of values at once.
 * Every step is computed in f32 and rounded to the step's type, as onnxruntime does.
 */
export async function openValues(recipe: Recipe): Promise<Values> {
  const count = product(recipe.shape)
  switch (recipe.kind) {
    case 'stored':
      return storedValues(recipe.tensor, recipe.dtype, count)
    case 'reshape':
      return openValues(recipe.input)
    case 'cast':
      return rounded(await openValues(recipe.input), recipe.dtype)
    case 'head':
      return headValues(await openValues(recipe.input), recipe.input.shape, recipe.shape, recipe.axis)
    case 'transpose':
      return transposedValues(await openValues(recipe.input), recipe.input.shape, recipe.order)
    case 'take':
      return takenValues(recipe, await openValues(recipe.input), await allValues(recipe.indices))
    case 'lookup':
      return lookupValues(recipe, await openValues(recipe.input))
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return binaryValues(recipe, await openValues(recipe.left), await openValues(recipe.right))
    case 'dequantize':
      return gridValues(recipe, recipe.codes, dequantize)
    case 'quantize':
      return rounded(await gridValues(recipe, recipe.values, quantizerOf(recipe.dtype)), 'f32')
  }
}

/** All values of a recipe in one array. */
export async function allValues(recipe: Recipe): Promise<Float32Array> {
  const values = await openValues(recipe)
  const all = new Float32Array(values.count)
  values.fill(all, 0)
  return all
}

/** Rounds to the 16-bit floats; f32 is what everything is computed in. */
function rounded(values: Values, dtype: DType): Values {
  const round = roundingOf(dtype)
  if (round === undefined) return values
  return {
    count: values.count,
    fill(target, start) {
      values.fill(target, start)
      for (let at = 0; at < target.length; at++) target[at] = round(target[at] as number)
    },
  }
}

function roundingOf(dtype: DType): ((value: number) => number) | undefined {
  if (dtype === 'f16') return roundToF16
  return dtype === 'bf16' ? roundToBf16 : undefined
}

function headValues(values: Values, from: readonly number[], to: readonly number[], axis: number): Values {
  const inner = product(to.slice(axis + 1))
  const run = (to[axis] ?? 0) * inner
  const stride = (from[axis] ?? 0) * inner
  return {
    count: product(to),
    fill(target, start) {
      for (let at = 0; at < target.length; ) {
        const index = start + at
        const place = index % run
        const length = Math.min(run - place, target.length - at)
        values.fill(target.subarray(at, at + length), ((index - place) / run) * stride + place)
        at += length
      }
    },
  }
}

/** Matrices (stacked or not) in panels of the result, so that what is read follows the stored order; other orders at once. */
function transposedValues(values: Values, shape: readonly number[], order: readonly number[]): Values {
  const rank = shape.length
  const swapsLast = rank >= 2 && order.every((axis, at) => axis === (at < rank - 2 ? at : rank * 2 - 3 - at))
  if (!swapsLast) return permutedValues(values, shape, order)
  const [rows = 1, columns = 1] = shape.slice(-2)
  const matrix = rows * columns
  const height = Math.max(1, Math.min(columns, Math.floor(PANEL_ELEMENTS / rows)))
  let panel = new Float32Array(0)
  let panelAt = -1
  const load = (stack: number, first: number): void => {
    const width = Math.min(height, columns - first)
    if (panel.length !== width * rows) panel = new Float32Array(width * rows)
    const row = new Float32Array(width)
    for (let r = 0; r < rows; r++) {
      values.fill(row, stack * matrix + r * columns + first)
      for (let c = 0; c < width; c++) panel[c * rows + r] = row[c] as number
    }
  }
  return {
    count: values.count,
    fill(target, start) {
      for (let at = 0; at < target.length; ) {
        const index = start + at
        const inMatrix = index % matrix
        const first = Math.floor(inMatrix / (height * rows)) * height
        const begin = index - inMatrix + first * rows
        if (begin !== panelAt) {
          load((index - inMatrix) / matrix, first)
          panelAt = begin
        }
        const part = panel.subarray(index - begin, index - begin + target.length - at)
        target.set(part, at)
        at += part.length
      }
    },
  }
}

function permutedValues(values: Values, shape: readonly number[], order: readonly number[]): Values {
  let all: Float32Array | undefined
  const place = placeBy(
    order.map((axis) => shape[axis] ?? 1),
    order.map((axis) => product(shape.slice(axis + 1))),
  )
  return {
    count: values.count,
    fill(target, start) {
      if (all === undefined) {
        all = new Float32Array(values.count)
        values.fill(all, 0)
      }
      for (let at = 0; at < target.length; at++) target[at] = all[place(start + at)] as number
    },
  }
}

/** The flat place in an array with these strides of a flat index over `shape`. */
function placeBy(shape: readonly number[], strides: readonly number[]): (index: number) => number {
  return (index) => {
    let rest = index
    let place = 0
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] as number
      const at = rest % size
      place += at * (strides[axis] as number)
      rest = (rest - at) / size
    }
    return place
  }
}

function takenValues(recipe: Recipe & { kind: 'take' }, values: Values, indices: Float32Array): Values {
  const { input, axis } = recipe
  const inner = product(input.shape.slice(axis + 1))
  const length = input.shape[axis] ?? 1
  let all: Float32Array | undefined
  return {
    count: product(recipe.shape),
    fill(target, start) {
      if (all === undefined) {
        all = new Float32Array(values.count)
        values.fill(all, 0)
      }
      for (let at = 0; at < target.length; at++) {
        const index = start + at
        const within = index % inner
        const line = (index - within) / inner
        const place = line % indices.length
        const given = indices[place] as number
        const taken = given < 0 ? given + length : given
        target[at] = all[((line - place) / indices.length) * length * inner + taken * inner + within] as number
      }
    },
  }
}

function lookupValues({ table, shape }: Recipe & { kind: 'lookup' }, codes: Values): Values {
  const width = shape.at(-1) ?? 1
  return {
    count: codes.count * width,
    fill(target, start) {
      const first = Math.floor(start / width)
      const own = new Float32Array(Math.floor((start + target.length - 1) / width) + 1 - first)
      codes.fill(own, first)
      for (let at = 0; at < target.length; at++) {
        const entry = (start + at) % width
        target[at] = table[(own[Math.floor((start + at) / width) - first] as number) * width + entry] as number
      }
    },
  }
}

const OPERATIONS = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
}

function binaryValues(recipe: Recipe & { kind: keyof typeof OPERATIONS }, left: Values, right: Values): Values {
  const operate = OPERATIONS[recipe.kind]
  const count = product(recipe.shape)
  const [a, b] = [spread(left, recipe.left.shape, recipe.shape), spread(right, recipe.right.shape, recipe.shape)]
  let other = new Float32Array(0)
  const values: Values = {
    count,
    fill(target, start) {
      if (other.length !== target.length) other = new Float32Array(target.length)
      a.fill(target, start)
      b.fill(other, start)
      for (let at = 0; at < target.length; at++) target[at] = operate(target[at] as number, other[at] as number)
    },
  }
  return rounded(values, recipe.dtype)
}

/** Values broadcast to a shape. Small operands are read once. */
function spread(values: Values, from: readonly number[], to: readonly number[]): Values {
  const count = product(to)
  if (values.count === count) return values
  let all: Float32Array | undefined
  const padded = [...to.slice(from.length).map(() => 1), ...from]
  const strides = padded.map((size, axis) => (size === 1 ? 0 : product(padded.slice(axis + 1))))
  const place = placeBy(to, strides)
  return {
    count,
    fill(target, start) {
      if (all === undefined) {
        all = new Float32Array(values.count)
        values.fill(all, 0)
      }
      if (all.length === 1) target.fill(all[0] as number)
      else for (let at = 0; at < target.length; at++) target[at] = all[place(start + at)] as number
    },
  }
}

type GridStep = (value: number, scale: number, zero: number) => number

const dequantize: GridStep = (code, scale, zero) => (code - zero) * scale

const RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
  u4: [0, 15],
  i4: [-8, 7],
  u2: [0, 3],
  i2: [-2, 1],
}

function quantizerOf(dtype: DType): GridStep {
  const [low, high] = RANGES[dtype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return (value, scale, zero) => Math.min(high, Math.max(low, roundHalfEven(Math.fround(value / scale)) + zero))
}

/** A step with the scale and zero of each element's grid, run by run of elements that share them. */
async function gridValues(
  recipe: Recipe & { kind: 'dequantize' | 'quantize' } & Grid,
  input: Recipe,
  step: GridStep,
): Promise<Values> {
  const values = await openValues(input)
  const scales = await allValues(recipe.scale)
  const zeros = typeof recipe.zero === 'number' ? Float32Array.of(recipe.zero) : await allValues(recipe.zero)
  const { shape, axis, block } = recipe
  const inner = product(shape.slice(axis + 1))
  const length = shape[axis] ?? 1
  const one = scales.length === 1
  const perGrid = Math.max(1, block)
  const grids = Math.ceil(length / perGrid)
  const zeroAt = zeros.length === 1 ? () => zeros[0] as number : (grid: number) => zeros[grid] as number
  const result: Values = {
    count: product(shape),
    fill(target, start) {
      values.fill(target, start)
      if (one) {
        const [scale = 0] = scales
        const zero = zeroAt(0)
        for (let at = 0; at < target.length; at++) target[at] = step(target[at] as number, scale, zero)
        return
      }
      for (let at = 0; at < target.length; ) {
        const index = start + at
        const within = index % inner
        const line = (index - within) / inner
        const along = line % length
        const outer = block === 0 ? 0 : ((line - along) / length) * grids
        const grid = outer + Math.floor(along / perGrid)
        if (block === 0 && inner === 1) {
          const end = Math.min(target.length, at + length - along)
          for (let place = along; at < end; at++, place++) {
            target[at] = step(target[at] as number, scales[place] as number, zeroAt(place))
          }
        } else if (block === 0 || inner === 1) {
          // One grid until the end of the line, or of the block.
          const left = inner === 1 ? Math.min(perGrid - (along % perGrid), length - along) : inner - within
          const end = Math.min(target.length, at + left)
          const scale = scales[grid] as number
          const zero = zeroAt(grid)
          for (; at < end; at++) target[at] = step(target[at] as number, scale, zero)
        } else {
          // Every element of the line has its own grid.
          const end = Math.min(target.length, at + inner - within)
          for (let place = grid * inner + within; at < end; at++, place++) {
            target[at] = step(target[at] as number, scales[place] as number, zeroAt(place))
          }
        }
      }
    },
  }
  return rounded(result, recipe.dtype)
}
