/**
 * onnx/gather-block: com.microsoft.GatherBlockQuantized over an embedding table [rows, columns], blocks along the columns.
 *
 *   1. codes   u8  [rows, columns * bits / 8]   low code first
 *   2. scales  f32 or f16 [rows, blocks]
 *   3. zeros   u8  [rows, ceil(blocks * bits / 8)]   low code first, each row from a new byte, rest 0; absent: zero is 2^(bits-1)
 */

import type { IntegerSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { packCodes, packedLength, unpackCodes } from '../../../numbers/int.ts'
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
import { packRows, unpackRows } from './rows.ts'

const ID = 'onnx/gather-block'

export const gatherBlock: Packing<IntegerSpec> = {
  id: ID,

  accepts(spec, view, shape) {
    const { granularity } = spec
    if (granularity.kind !== 'block') return refusal('granularity', 'GatherBlockQuantized holds blocks only')
    if (view.along !== 'row' || view.stack !== 1 || shape.length !== 2 || shape[1] !== view.depth) {
      return refusal('layout', 'GatherBlockQuantized holds a table of rank 2, quantized along its rows')
    }
    if (view.depth % granularity.size !== 0) {
      return refusal('block-size', `rows of ${view.depth} do not divide into blocks of ${granularity.size}`)
    }
    if ((view.depth * spec.bits) % 8 !== 0) {
      return refusal('row-bytes', `rows of ${view.depth} codes of ${spec.bits} bits do not fill bytes`)
    }
    return refuseMismatch(view, shape)
  },

  parts: (spec, view) => partsOf(spec, view),

  pack(tensor, shape) {
    const { spec, view } = tensor
    demand(gatherBlock.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const packed = packCodes(tensor.codes, spec.bits)
    const scales = scalesToBytes(tensor.scales, spec.scale)
    if (!tensor.zeros) return [packed, scales]
    return [packed, scales, packRows(tensor.zeros, view.channels, blocksOf(spec, view), spec.bits)]
  },

  unpack(parts, spec, view, shape) {
    demand(gatherBlock.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(spec, view), ID)
    const codes = unpackCodes(parts[0]!, view.channels * view.depth, spec.bits)
    const zeros = spec.symmetric ? undefined : unpackRows(parts[2]!, view.channels, blocksOf(spec, view), spec.bits)
    return quantized(spec, view, codes, scalesFromBytes(parts[1]!, spec.scale), zeros)
  },
}

function partsOf(spec: IntegerSpec, view: MatrixView): PackedPart[] {
  const blocks = blocksOf(spec, view)
  const parts = [
    part('codes', 'u8', [view.channels, packedLength(view.depth, spec.bits)]),
    part('scales', spec.scale, [view.channels, blocks]),
  ]
  if (!spec.symmetric) parts.push(part('zeros', 'u8', [view.channels, packedLength(blocks, spec.bits)]))
  return parts
}

function blocksOf(spec: IntegerSpec, view: MatrixView): number {
  return spec.granularity.kind === 'block' ? Math.ceil(view.depth / spec.granularity.size) : 1
}
