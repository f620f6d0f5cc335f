import { product, type Recipe } from '../graph/liftings/index.ts'
import { allValues } from './dequantize-values.ts'

/** Zeros beyond this many are not looked at one by one. */
const ZEROS = 1 << 20

/** What a recipe undoes, as a scheme id where there is one: int4-block32-asym-f16, int8-channel-sym, f16, e4m3fn-tensor. */
export async function schemeOf(recipe: Recipe): Promise<string> {
  const grid = gridOf(recipe)
  if (grid === undefined) return leafOf(recipe).dtype
  const codes = leafOf(grid.codes)
  const table = lookupOf(grid.codes)
  if (table !== undefined) return `${table}-${grid.granularity}${leafOf(grid.scale).dtype === 'f16' ? '-f16' : ''}`
  const integer = /^[iu](\d+)$/.exec(codes.dtype)
  const scale = leafOf(grid.scale).dtype === 'f16' ? '-f16' : ''
  if (integer === null) return `${codes.dtype}-${grid.granularity}${scale}`
  const bits = Number(integer[1])
  const half = codes.dtype.startsWith('u') ? 2 ** (bits - 1) : 0
  return `int${bits}-${grid.granularity}-${(await isCentred(grid.zero, half)) ? 'sym' : 'asym'}${scale}`
}

/** The table that codes are looked up in. */
function lookupOf(codes: Recipe): string | undefined {
  let at = codes
  while ('input' in at && at.kind !== 'lookup') at = at.input
  return at.kind === 'lookup' ? at.levels : undefined
}

interface FoundGrid {
  readonly codes: Recipe
  readonly scale: Recipe
  readonly zero: Recipe | number
  readonly granularity: string
}

/** The outermost step that multiplies codes by scales. */
function gridOf(recipe: Recipe): FoundGrid | undefined {
  let at = recipe
  while ('input' in at) at = at.input
  if (at.kind === 'dequantize') {
    const { codes, scale, zero, axis, block } = at
    const length = at.shape[axis] ?? 1
    const one = product(scale.shape) === 1
    const granularity = one ? 'tensor' : block === 0 || block >= length ? 'channel' : `block${block}`
    return { codes, scale, zero, granularity }
  }
  if (at.kind !== 'mul' && at.kind !== 'div') return undefined
  const [values, scale] = product(at.left.shape) >= product(at.right.shape) ? [at.left, at.right] : [at.right, at.left]
  const centred = values.kind === 'sub'
  const granularity = granularityOf(values, scale)
  return { codes: centred ? values.left : values, scale, zero: centred ? values.right : 0, granularity }
}

/** Scales that broadcast over codes: blocks show as an axis that was split, or as scales that are repeated. */
function granularityOf(values: Recipe, scale: Recipe): string {
  if (product(scale.shape) === 1) return 'tensor'
  if (scale.kind === 'take')
    return `block${Math.ceil((scale.shape[scale.axis] ?? 1) / (scale.input.shape[scale.axis] ?? 1))}`
  const rank = values.shape.length
  const padded = [...values.shape.slice(scale.shape.length).map(() => 1), ...scale.shape]
  const split =
    leafOf(values).shape.length < rank
      ? padded.findIndex((size, axis) => axis > 0 && size === 1 && padded[axis - 1] !== 1)
      : -1
  return split < 0 ? 'channel' : `block${values.shape[split]}`
}

function leafOf(recipe: Recipe): Recipe {
  let at = recipe
  while (at.kind !== 'stored') {
    if (at.kind === 'dequantize') at = at.codes
    else if (at.kind === 'quantize') return at
    else if ('input' in at) at = at.input
    else at = product(at.left.shape) >= product(at.right.shape) ? at.left : at.right
  }
  return at
}

async function isCentred(zero: Recipe | number, half: number): Promise<boolean> {
  if (typeof zero === 'number') return zero === half
  if (product(zero.shape) > ZEROS) return false
  return (await allValues(zero)).every((value) => value === half)
}
