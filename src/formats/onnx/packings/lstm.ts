/**
 * onnx/lstm: the weights of com.microsoft.DynamicQuantizeLSTM, from ONNX LSTM's W or R [dirs, 4H, I], a grid per gate row.
 *
 *   1. codes   u8  [dirs, I, 4H]   each direction transposed
 *   2. scales  f32 [dirs, 4H]
 *
 * No zeros: onnxruntime takes one zero for all gate rows only, so it is the fixed 128, which the lowering writes once.
 */

import type { IntegerSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
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
import { transpose } from './transpose.ts'

const ID = 'onnx/lstm'

export const lstm: Packing<IntegerSpec> = {
  id: ID,

  accepts(spec, view, shape) {
    if (spec.bits !== 8) return refusal('bits', `DynamicQuantizeLSTM takes 8-bit weights, not ${spec.bits}`)
    if (spec.granularity.kind !== 'channel')
      return refusal('granularity', 'DynamicQuantizeLSTM takes a grid per gate row')
    if (!spec.symmetric)
      return refusal('zeros', 'DynamicQuantizeLSTM takes one zero for all gate rows: symmetric schemes')
    if (spec.scale !== 'f32') return refusal('scale', 'DynamicQuantizeLSTM takes f32 scales')
    const dimensions = [view.stack, view.channels, view.depth]
    if (view.along !== 'row' || shape.length !== 3 || dimensions.some((size, axis) => size !== shape[axis])) {
      return refusal('layout', 'expected [directions, gate rows, inputs] seen as rows')
    }
    return refuseMismatch(view, shape)
  },

  parts: (_spec, view) => partsOf(view),

  pack(tensor, shape) {
    const { spec, view } = tensor
    demand(lstm.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const codes = transpose(tensor.codes, view.stack, view.channels, view.depth)
    return [codes, scalesToBytes(tensor.scales, 'f32')]
  },

  unpack(parts, spec, view, shape) {
    demand(lstm.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(view), ID)
    const codes = transpose(parts[0]!, view.stack, view.depth, view.channels)
    return quantized(spec, view, codes, scalesFromBytes(parts[1]!, 'f32'), undefined)
  },
}

function partsOf(view: MatrixView): PackedPart[] {
  const grids = [view.stack, view.channels]
  return [part('codes', 'u8', [view.stack, view.depth, view.channels]), part('scales', 'f32', grids)]
}
