/**
 * onnx/elements: a tensor of integers in the order of the source, as DequantizeLinear reads it.
 *
 *   1. codes   the tensor's shape; symmetric i8, i4 or i2 (code minus 2^(bits-1)), asymmetric u8, u4 or u2;
 *              below 8 bits packed low code first over the whole tensor
 *   2. scales  f32 or f16; [] for one grid, [channels] for the kept axis, else the tensor's shape with the
 *              reduction axis divided by the block size (the depth, for grids per channel of a stack)
 *   3. zeros   the dtype of the codes and the shape of the scales; absent when symmetric
 */

import type { DType } from '../../../model/dtype.ts'
import type { IntegerSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { elementCountOf } from '../../../numbers/dtype.ts'
import { halfOf, packCodes, unpackCodes } from '../../../numbers/int.ts'
import { scaleShape } from './axes.ts'
import { fromFileOrder, toFileOrder } from './file-order.ts'
import {
  demand,
  demandLengths,
  demandParts,
  part,
  quantized,
  refusal,
  refuseMismatch,
  scalesFromBytes,
  scalesToBytes,
} from './parts.ts'

const ID = 'onnx/elements'

export const elements: Packing<IntegerSpec> = {
  id: ID,

  accepts(spec, view, shape) {
    const mismatch = refuseMismatch(view, shape)
    if (mismatch !== null) return mismatch
    if (scaleShape(spec.granularity, view, shape) !== null) return null
    return spec.granularity.kind === 'block'
      ? refusal('layout', `blocks need a reduction over one axis of [${shape.join(', ')}]`)
      : refusal('layout', `no single axis of [${shape.join(', ')}] carries the channels`)
  },

  parts(spec, view, shape) {
    demand(elements.accepts(spec, view, shape), ID)
    return partsOf(spec, view, shape)
  },

  pack(tensor, shape) {
    const { spec, view } = tensor
    demand(elements.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const packed = packCodes(tensor.codes, spec.bits, flipOf(spec))
    const scales = scalesToBytes(toFileOrder(tensor.scales, spec.granularity, view), spec.scale)
    if (!tensor.zeros) return [packed, scales]
    return [packed, scales, packCodes(toFileOrder(tensor.zeros, spec.granularity, view), spec.bits)]
  },

  unpack(parts, spec, view, shape) {
    demand(elements.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(spec, view, shape), ID)
    const codes = unpackCodes(parts[0]!, elementCountOf(shape), spec.bits, flipOf(spec))
    const scales = fromFileOrder(scalesFromBytes(parts[1]!, spec.scale), spec.granularity, view)
    const zeros = spec.symmetric
      ? undefined
      : fromFileOrder(unpackCodes(parts[2]!, scales.length, spec.bits), spec.granularity, view)
    return quantized(spec, view, codes, scales, zeros)
  },
}

function partsOf(spec: IntegerSpec, view: MatrixView, shape: readonly number[]): PackedPart[] {
  const dtype: DType = `${spec.symmetric ? 'i' : 'u'}${spec.bits}`
  const grids = scaleShape(spec.granularity, view, shape)!
  const parts = [part('codes', dtype, shape), part('scales', spec.scale, grids)]
  if (!spec.symmetric) parts.push(part('zeros', dtype, grids))
  return parts
}

function flipOf(spec: IntegerSpec): number {
  return spec.symmetric ? halfOf(spec.bits) : 0
}
