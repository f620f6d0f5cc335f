/**
 * onnx/nbits: com.microsoft.MatMulNBits. N = channels (output features), K = depth, B = block size, blocks = ceil(K / B).
 *
 *   1. codes   u8  [N, blocks, B * bits / 8]   low code first; a short last block is filled with its zero code
 *   2. scales  f32 or f16 [N, blocks]
 *   3. zeros   u8  [N, ceil(blocks * bits / 8)]   low code first, each row from a new byte, rest 0; absent: zero is 2^(bits-1)
 */

import type { IntegerSpec, PackedPart, Packing } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { halfOf, packedLength, packInto, unpackInto } from '../../../numbers/int.ts'
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
import { fromChannelMajor, toChannelMajor } from './transpose.ts'

const ID = 'onnx/nbits'

export const nbits: Packing<IntegerSpec> = {
  id: ID,

  accepts(spec, view, shape) {
    const { granularity } = spec
    if (granularity.kind !== 'block') return refusal('granularity', 'MatMulNBits holds blocks only')
    if (granularity.size < 16 || !isPowerOfTwo(granularity.size)) {
      return refusal('block-size', `MatMulNBits takes blocks of 16, 32, 64 ..., not ${granularity.size}`)
    }
    if (view.stack !== 1) return refusal('stack', 'MatMulNBits holds one matrix, this tensor is a stack of them')
    return refuseMismatch(view, shape)
  },

  parts: (spec, view) => partsOf(spec, view),

  pack(tensor, shape) {
    const { spec, view } = tensor
    demand(nbits.accepts(spec, view, shape), ID)
    demandLengths(tensor, ID)
    const { channels, depth } = view
    const { size, blocks, blockBytes } = dimensions(spec, view)
    const source = toChannelMajor(tensor.codes, view)
    const packed = new Uint8Array(channels * blocks * blockBytes)
    const fullBlocks = Math.floor(depth / size)
    const tail = depth - fullBlocks * size
    const last = new Uint8Array(size)
    for (let channel = 0; channel < channels; channel++) {
      const at = channel * blocks * blockBytes
      packInto(source, channel * depth, fullBlocks * size, spec.bits, 0, packed, at)
      if (tail === 0) continue
      last.fill(tensor.zeros?.[channel * blocks + fullBlocks] ?? halfOf(spec.bits))
      last.set(source.subarray(channel * depth + fullBlocks * size, (channel + 1) * depth))
      packInto(last, 0, size, spec.bits, 0, packed, at + fullBlocks * blockBytes)
    }
    const scales = scalesToBytes(tensor.scales, spec.scale)
    return tensor.zeros ? [packed, scales, packRows(tensor.zeros, channels, blocks, spec.bits)] : [packed, scales]
  },

  unpack(parts, spec, view, shape) {
    demand(nbits.accepts(spec, view, shape), ID)
    demandParts(parts, partsOf(spec, view), ID)
    const { channels, depth } = view
    const { blocks, blockBytes } = dimensions(spec, view)
    const codes = new Uint8Array(channels * depth)
    for (let channel = 0; channel < channels; channel++) {
      unpackInto(parts[0]!, channel * blocks * blockBytes, depth, spec.bits, 0, codes, channel * depth)
    }
    const zeros = spec.symmetric ? undefined : unpackRows(parts[2]!, channels, blocks, spec.bits)
    return quantized(spec, view, fromChannelMajor(codes, view), scalesFromBytes(parts[1]!, spec.scale), zeros)
  },
}

function partsOf(spec: IntegerSpec, view: MatrixView): PackedPart[] {
  const { blocks, blockBytes } = dimensions(spec, view)
  const parts = [
    part('codes', 'u8', [view.channels, blocks, blockBytes]),
    part('scales', spec.scale, [view.channels, blocks]),
  ]
  if (!spec.symmetric) parts.push(part('zeros', 'u8', [view.channels, packedLength(blocks, spec.bits)]))
  return parts
}

function dimensions(spec: IntegerSpec, view: MatrixView): { size: number; blocks: number; blockBytes: number } {
  const size = spec.granularity.kind === 'block' ? spec.granularity.size : view.depth
  return { size, blocks: Math.ceil(view.depth / size), blockBytes: packedLength(size, spec.bits) }
}

function isPowerOfTwo(value: number): boolean {
  let rest = value
  while (rest > 1 && rest % 2 === 0) rest /= 2
  return rest === 1
}
