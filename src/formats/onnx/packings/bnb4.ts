/**
 * onnx/bnb4: com.microsoft.MatMulBnb4. N = channels (output features), K = depth, B = block size. The matrix is one run of N * K
 * elements, channel after channel, and blocks do not begin anew with a channel.
 *
 *   1. codes   u8  [ceil(N * K / 2)]   the first of two codes in the high half; where N * K is odd the last half is the code of 0
 *   2. scales  f32 or f16 [ceil(N * K / B)]
 */

import type { CodedSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { gridShapeOf, viewElementCount } from '../../../numbers/grid-shape.ts'
import { codeLevels } from '../../../numbers/level-tables/code-levels.ts'
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
import { fromChannelMajor, toChannelMajor } from './transpose.ts'

const ID = 'onnx/bnb4'

export const bnb4: Packing = {
  id: ID,

  accepts(spec, view, shape) {
    if (spec.family !== 'levels' || (spec.table !== 'nf4' && spec.table !== 'fp4')) {
      return refusal('scheme', 'MatMulBnb4 holds codes of nf4 and fp4 only')
    }
    const { granularity } = spec
    if (granularity.kind !== 'block' && granularity.kind !== 'run') {
      return refusal('granularity', 'MatMulBnb4 holds blocks only')
    }
    if (granularity.kind === 'block' && view.depth % granularity.size !== 0) {
      return refusal(
        'block-size',
        `blocks of ${granularity.size} do not divide rows of ${view.depth}: they go on as runs`,
      )
    }
    if (view.stack !== 1) return refusal('stack', 'MatMulBnb4 holds one matrix, this tensor is a stack of them')
    return refuseMismatch(view, shape)
  },

  parts: (spec, view) => partsOf(spec, view),

  pack(tensor, shape) {
    const { spec, view } = tensor
    demand(bnb4.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const codes = toChannelMajor(tensor.codes, view)
    const { codes: named, zero } = codeLevels(spec)!
    const none = named[zero]!
    const packed = new Uint8Array(Math.ceil(codes.length / 2))
    for (let i = 0; i < codes.length; i += 2) packed[i / 2] = (codes[i]! << 4) | (codes[i + 1] ?? none)
    return [packed, scalesToBytes(tensor.scales, spec.scale)]
  },

  unpack(parts, spec, view, shape) {
    demand(bnb4.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(spec, view), ID)
    const [packed, scales] = parts as [Uint8Array, Uint8Array]
    const codes = new Uint8Array(viewElementCount(view))
    for (let i = 0; i < codes.length; i++) {
      codes[i] = i % 2 === 0 ? packed[i / 2]! >> 4 : packed[(i - 1) / 2]! & 15
    }
    return quantized(spec, view, fromChannelMajor(codes, view), scalesFromBytes(scales, spec.scale), undefined)
  },
}

function partsOf(spec: CodedSpec, view: MatrixView): PackedPart[] {
  const { grids } = gridShapeOf(spec.granularity, view)
  return [part('codes', 'u8', [Math.ceil(viewElementCount(view) / 2)]), part('scales', spec.scale, [grids])]
}
