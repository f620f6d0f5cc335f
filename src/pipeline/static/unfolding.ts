import type { Unfolding } from '../../calibration/unfold.ts'
import { intAttribute, intsAttribute, stringAttribute } from '../../graph/index.ts'
import type { StaticProduct } from '../../model/activation.ts'
import { turned } from '../turned.ts'

/** A weight as rows that meet rows of the input, one row an output channel. */
export interface WeightRows {
  readonly unfolding: Unfolding
  readonly groups: number
  readonly depth: number
  /** Rows to the layout of the file and back. */
  toRows(values: Float32Array): Float32Array
  fromRows(codes: Int8Array): Int8Array
  /** Order in which the kernel of the product adds up a row; null where it adds no pairs. */
  readonly order: Int32Array | null
}

/** Null for products whose weight has no axis of output channels with one input matrix for all: stacks of matrices. */
export function weightRows({ node, op, weight, depthwise }: StaticProduct): WeightRows | null {
  if (weight === null || weight.axis === null) return null
  const { shape, axis } = weight
  if (op === 'Conv') {
    const [outputs = 0, inputs = 0, ...kernel] = shape
    const taps = kernel.reduce((a, b) => a * b, 1)
    const groups = intAttribute(node, 'group', 1)
    if (axis !== 0 || groups < 1 || outputs % groups !== 0) return null
    const auto = stringAttribute(node, 'auto_pad', 'NOTSET')
    const unfolding: Unfolding = {
      kind: 'conv',
      groups,
      kernel,
      strides: intsAttribute(node, 'strides') ?? [],
      dilations: intsAttribute(node, 'dilations') ?? [],
      pads:
        auto === 'SAME_UPPER' || auto === 'SAME_LOWER' || auto === 'VALID' ? auto : (intsAttribute(node, 'pads') ?? []),
    }
    const depth = inputs * taps
    const order = Int32Array.from({ length: depth }, (_, at) => (at % inputs) * taps + Math.floor(at / inputs))
    return { unfolding, groups, depth, toRows: same, fromRows: same, order: depthwise ? null : order }
  }
  if ((op !== 'Gemm' && op !== 'MatMul') || shape.length !== 2) return null
  const [rows = 0, columns = 0] = shape
  const depth = axis === 0 ? columns : rows
  return {
    unfolding: { kind: 'rows', turned: op === 'Gemm' && intAttribute(node, 'transA', 0) !== 0 },
    groups: 1,
    depth,
    toRows: axis === 0 ? same : (values) => turned(values, rows, columns, new Float32Array(values.length)),
    fromRows: axis === 0 ? same : (codes) => turned(codes, columns, rows, new Int8Array(codes.length)),
    order: Int32Array.from({ length: depth }, (_, at) => at),
  }
}

function same<T>(values: T): T {
  return values
}
