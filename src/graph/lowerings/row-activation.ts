import type { Node, TensorRef } from '../../model/graph.ts'
import type { LoweringContext } from '../../model/lowering.ts'
import { float32, int64s, makeNode, uint8 } from './make.ts'

/** An activation in codes with one scale a row: value = factor * level * (code - zero), the factor varying from row to row. */
export interface RowActivation {
  /** What the names of all its values begin with. */
  readonly group: string
  readonly codes: string
  /** Scalar constants. */
  readonly level: string
  readonly zero: string
  /** Shape of the activation with a last axis of 1. */
  readonly factor: string
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
}

/** Rows of zeros divide by this instead: the smallest normal f32. */
export const ROW_FLOOR = 1.1754943508222875e-38

/** Codes kept for values below zero when the least of them is known. */
const BELOW = 32

/** A bound further below zero says little: rows whose own minimum is above it would be coarse. */
const LEAST_USED = -0.5

/**
 * How a row becomes codes: code = zero + top * value / factor, the factor its largest magnitude or value, and at least `below` times what
 * its least value lies below zero.
 */
export interface RowScale {
  readonly zero: number
  /** Codes above zero. */
  readonly top: number
  /** Whether the row's largest magnitude counts, or only its largest value. */
  readonly magnitude: boolean
  readonly below: number
}

/**
 * Known to be positive: all 255 steps serve. Known to reach a little below zero (GELU, SiLU): a fixed share of the codes
 * does, wide enough for the least value of the row. Otherwise codes lie evenly around zero.
 */
export function rowScale(least: number | null): RowScale {
  if (least === null || least < LEAST_USED) return { zero: 128, top: 127, magnitude: true, below: 0 }
  if (least >= 0) return { zero: 0, top: 255, magnitude: false, below: 0 }
  const top = 255 - BELOW
  return { zero: BELOW, top, magnitude: false, below: top / BELOW }
}

/**
 * Quantizes an activation row by row (a token, a picture) with standard operators, so that a token of large values (the first one of
 * a transformer, most often) does not take the steps of all others, and no row's result depends on what shares its batch:
 * largest magnitude of each row, division by it, QuantizeLinear with one constant scale. `inverse` multiplies the activation
 * first; `least` bounds what comes of that.
 */
export function quantizedRows(
  activation: string,
  inverse: string | undefined,
  least: number | null,
  context: Pick<LoweringContext, 'opset' | 'fresh'>,
): RowActivation {
  const nodes: Node[] = []
  const constants: TensorRef[] = []
  // Names of activations are long, and there are many parts: a number is shorter than a path.
  const group = context.fresh('rows')
  const value = (part: string): string => context.fresh(`${group}.${part}`)
  const constant = (tensor: TensorRef): string => {
    constants.push(tensor)
    return tensor.name
  }
  let input = activation
  if (inverse !== undefined) {
    input = value('balanced')
    nodes.push(makeNode('Mul', [activation, inverse], [input]))
  }
  const { zero, top, magnitude, below } = rowScale(least)
  let measured = input
  if (magnitude) {
    measured = value('magnitude')
    nodes.push(makeNode('Abs', [input], [measured]))
  }
  const axes = context.opset >= 18 ? [constant(int64s(value('axes'), [-1]))] : []
  const along = context.opset >= 18 ? { keepdims: 1 } : { axes: [-1], keepdims: 1 }
  const largest = value('largest')
  nodes.push(makeNode('ReduceMax', [measured, ...axes], [largest], along))
  const bounds = [largest]
  if (below > 0) {
    const [least, room] = [value('least'), value('room')]
    nodes.push(makeNode('ReduceMin', [input, ...axes], [least], along))
    nodes.push(makeNode('Mul', [least, constant(float32(value('below'), -below))], [room]))
    bounds.push(room)
  }
  const factor = value('factor')
  nodes.push(makeNode('Max', [...bounds, constant(float32(value('floor'), ROW_FLOOR))], [factor]))
  const parts = value('parts')
  nodes.push(makeNode('Div', [input, factor], [parts]))
  const level = constant(float32(value('level'), 1 / top))
  const zeroName = constant(uint8(value('zero'), zero))
  const codes = value('codes')
  nodes.push(makeNode('QuantizeLinear', [parts, level, zeroName], [codes]))
  return { group, codes, level, zero: zeroName, factor, nodes, constants }
}
