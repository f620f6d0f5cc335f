import type { DType } from '../../model/dtype.ts'
import type { TensorRef } from '../../model/graph.ts'

/**
 * How the elements of a constant follow from stored tensors. Form only: nothing is read or computed here.
 * Values are computed in f32 step by step and rounded to `dtype` after each step.
 */
export type Recipe = { readonly dtype: DType; readonly shape: readonly number[] } & (
  | {
      readonly kind: 'stored'
      readonly tensor: TensorRef
    }
  | { readonly kind: 'cast' | 'reshape'; readonly input: Recipe }
  | { readonly kind: 'transpose'; readonly input: Recipe; readonly order: readonly number[] }
  /** As NumPy broadcasts. */
  | { readonly kind: 'add' | 'sub' | 'mul' | 'div'; readonly left: Recipe; readonly right: Recipe }
  /** Entries of one axis by constant indices, a vector. */
  | { readonly kind: 'take'; readonly input: Recipe; readonly axis: number; readonly indices: Recipe }
  /** Row of a table for each code: the codes' shape with the table's second axis behind it. */
  | { readonly kind: 'lookup'; readonly input: Recipe; readonly table: readonly number[]; readonly levels: string }
  /** The first entries of one axis, as many as the shape says. */
  | { readonly kind: 'head'; readonly input: Recipe; readonly axis: number }
  /** (code - zero) * scale. */
  | ({ readonly kind: 'dequantize'; readonly codes: Recipe } & Grid)
  /** clamp(roundEven(value / scale) + zero) to the range of `dtype`. */
  | ({ readonly kind: 'quantize'; readonly values: Recipe } & Grid)
)

/** How scales lie over codes: one for all, one per index of `axis`, or one per `block` indices of it. */
export interface Grid {
  readonly scale: Recipe
  /** A number where the operator implies it. */
  readonly zero: Recipe | number
  readonly axis: number
  /** 0: one per index. */
  readonly block: number
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1)
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

export function stored(tensor: TensorRef): Recipe {
  return { kind: 'stored', dtype: tensor.dtype, shape: tensor.shape, tensor }
}

/** The bytes of a tensor read as elements of another type, such as two 4-bit codes to a byte. Null when they do not fill the shape. */
export function storedAs(tensor: TensorRef, dtype: DType, shape: readonly number[], bits: number): Recipe | null {
  if (tensor.storage.byteLength * 8 !== product(shape) * bits) return null
  return { kind: 'stored', dtype, shape, tensor }
}

export function castTo(input: Recipe, dtype: DType): Recipe {
  return input.dtype === dtype ? input : { kind: 'cast', dtype, shape: input.shape, input }
}

/** Null when the element counts differ. */
export function reshapedTo(input: Recipe, shape: readonly number[]): Recipe | null {
  if (sameShape(input.shape, shape)) return input
  if (product(shape) !== product(input.shape)) return null
  return { kind: 'reshape', dtype: input.dtype, shape, input: input.kind === 'reshape' ? input.input : input }
}

export function transposed(input: Recipe, order: readonly number[]): Recipe {
  if (order.every((axis, at) => axis === at)) return input
  if (input.kind === 'transpose') {
    const before = input.order
    return transposed(
      input.input,
      order.map((axis) => before[axis] ?? 0),
    )
  }
  return { kind: 'transpose', dtype: input.dtype, shape: order.map((axis) => input.shape[axis] ?? 1), input, order }
}

/** The first `length` entries of `axis`. */
export function headOf(input: Recipe, axis: number, length: number): Recipe {
  if (input.shape[axis] === length) return input
  const shape = input.shape.map((size, at) => (at === axis ? length : size))
  return { kind: 'head', dtype: input.dtype, shape, input, axis }
}

/** Entries of `axis` in the order of a vector of indices. */
export function taken(input: Recipe, axis: number, indices: Recipe): Recipe {
  const shape = input.shape.flatMap((size, at) => (at === axis ? indices.shape : size))
  return { kind: 'take', dtype: input.dtype, shape, input, axis, indices }
}

/** What each code stands for, `width` entries of the table, as floats. `levels` is what people call the table. */
export function lookedUp(input: Recipe, table: readonly number[], width: number, levels: string): Recipe {
  return { kind: 'lookup', dtype: 'f32', shape: [...input.shape, width], input, table, levels }
}

/** Null when the shapes do not broadcast or the types differ. */
export function combined(kind: 'add' | 'sub' | 'mul' | 'div', left: Recipe, right: Recipe): Recipe | null {
  const shape = broadcast(left.shape, right.shape)
  if (shape === null || left.dtype !== right.dtype) return null
  return { kind, dtype: left.dtype, shape, left, right }
}

function broadcast(a: readonly number[], b: readonly number[]): number[] | null {
  const rank = Math.max(a.length, b.length)
  const shape: number[] = []
  for (let at = 0; at < rank; at++) {
    const left = a[a.length - rank + at] ?? 1
    const right = b[b.length - rank + at] ?? 1
    if (left !== right && left !== 1 && right !== 1) return null
    shape.push(left === 1 ? right : left)
  }
  return shape
}

export interface GridAttributes {
  /** May count from the end. */
  readonly axis: number
  readonly block: number
}

/**
 * Codes under a grid, or null when scale and zero do not lie over them. `dtype` is the type of the result.
 * A scale of one element serves every axis.
 */
export function dequantized(
  codes: Recipe,
  scale: Recipe,
  zero: Recipe | number,
  { axis, block }: GridAttributes,
  dtype: DType = scale.dtype,
): Recipe | null {
  const grid = gridOver(codes.shape, scale, zero, axis, block)
  return grid && { kind: 'dequantize', dtype, shape: codes.shape, codes, ...grid }
}

export function quantized(
  values: Recipe,
  scale: Recipe,
  zero: Recipe | number,
  { axis, block }: GridAttributes,
  dtype: DType,
): Recipe | null {
  const grid = gridOver(values.shape, scale, zero, axis, block)
  return grid && { kind: 'quantize', dtype, shape: values.shape, values, ...grid }
}

function gridOver(
  shape: readonly number[],
  scale: Recipe,
  zero: Recipe | number,
  given: number,
  block: number,
): Grid | null {
  const count = product(scale.shape)
  if (typeof zero !== 'number' && product(zero.shape) !== count && product(zero.shape) !== 1) return null
  if (count === 1) return { scale, zero, axis: 0, block: 0 }
  const axis = given < 0 ? given + shape.length : given
  const length = shape[axis]
  if (length === undefined) return null
  if (block <= 0) return scale.shape.length === 1 && count === length ? { scale, zero, axis, block: 0 } : null
  const wanted = shape.map((size, at) => (at === axis ? Math.ceil(size / block) : size))
  return sameShape(scale.shape, wanted) ? { scale, zero, axis, block } : null
}

/** Every tensor that a recipe reads, in order of appearance, each once. */
export function tensorsOf(recipe: Recipe): readonly TensorRef[] {
  const found = new Set<TensorRef>()
  const stack = [recipe]
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (at.kind === 'stored') found.add(at.tensor)
    else stack.push(...inputsOf(at).reverse())
  }
  return [...found]
}

function inputsOf(recipe: Exclude<Recipe, { kind: 'stored' }>): Recipe[] {
  switch (recipe.kind) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return [recipe.left, recipe.right]
    case 'take':
      return [recipe.input, recipe.indices]
    case 'dequantize':
    case 'quantize': {
      const main = recipe.kind === 'dequantize' ? recipe.codes : recipe.values
      return typeof recipe.zero === 'number' ? [main, recipe.scale] : [main, recipe.scale, recipe.zero]
    }
    default:
      return [recipe.input]
  }
}

/** The tensor that holds the codes: down the side that scales and zeros are applied to. */
export function codesOf(recipe: Recipe): TensorRef {
  let at = recipe
  while (at.kind !== 'stored') {
    if (at.kind === 'dequantize') at = at.codes
    else if (at.kind === 'quantize') at = at.values
    else if ('input' in at) at = at.input
    else at = sameShape(at.left.shape, at.shape) ? at.left : at.right
  }
  return at.tensor
}

/** One text for equal recipes over the same tensors. */
export function recipeKey(recipe: Recipe, idOf: (tensor: TensorRef) => number): string {
  return JSON.stringify(recipe, (key, value: unknown) => (key === 'tensor' ? idOf(value as TensorRef) : value))
}
