/**
 * onnx/kn and onnx/kn-s8: the second operand of MatMulInteger and DynamicQuantizeMatMul. K = depth, N = channels.
 *
 *   1. codes   [K, N]   u8, or for kn-s8 i8 (the code minus 128)
 *   2. scales  f32 [N], or [] for one grid
 *   3. zeros   u8 [N] or [], 128 for symmetric schemes; kn-s8 is symmetric around 0 and has none
 */

import type { IntegerSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { packCodes } from '../../../numbers/int.ts'
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

export const kn = knPacking('onnx/kn', 'u8')
export const knSigned = knPacking('onnx/kn-s8', 'i8')

function knPacking(id: string, dtype: 'u8' | 'i8'): Packing<IntegerSpec> {
  const flip = dtype === 'i8' ? 128 : 0
  const packing: Packing<IntegerSpec> = {
    id,

    accepts(spec, view, shape) {
      if (spec.bits !== 8) return refusal('bits', `integer MatMul takes 8-bit weights, not ${spec.bits}`)
      if (spec.granularity.kind === 'block') return refusal('granularity', 'integer MatMul takes no blocks along K')
      if (spec.scale !== 'f32') return refusal('scale', 'integer MatMul takes f32 scales')
      if (dtype === 'i8' && !spec.symmetric) return refusal('zeros', 'signed weights are symmetric here')
      if (view.stack !== 1) return refusal('stack', 'one matrix expected, this tensor is a stack of them')
      return refuseMismatch(view, shape)
    },

    parts: (spec, view) => partsOf(spec, view, dtype),

    pack(tensor, shape) {
      const { spec, view } = tensor
      demand(packing.accepts(spec, view, shape), id)
      demandLengths(tensor, id)
      const codes = view.along === 'row' ? transpose(tensor.codes, 1, view.channels, view.depth) : tensor.codes
      const stored = [packCodes(codes, 8, flip), scalesToBytes(tensor.scales, 'f32')]
      if (dtype === 'i8') return stored
      return [...stored, tensor.zeros?.slice() ?? new Uint8Array(tensor.scales.length).fill(128)]
    },

    unpack(parts, spec, view, shape) {
      demand(packing.accepts(spec, view, shape), id)
      demandParts(parts, partsOf(spec, view, dtype), id)
      const stored = packCodes(parts[0]!, 8, flip)
      const codes = view.along === 'row' ? transpose(stored, 1, view.depth, view.channels) : stored
      const zeros = spec.symmetric ? undefined : parts[2]!.slice()
      return quantized(spec, view, codes, scalesFromBytes(parts[1]!, 'f32'), zeros)
    },
  }
  return packing
}

function partsOf(spec: IntegerSpec, view: MatrixView, dtype: 'u8' | 'i8'): PackedPart[] {
  const grids = spec.granularity.kind === 'tensor' ? [] : [view.channels]
  const parts = [part('codes', dtype, [view.depth, view.channels]), part('scales', 'f32', grids)]
  return dtype === 'i8' ? parts : [...parts, part('zeros', dtype, grids)]
}
