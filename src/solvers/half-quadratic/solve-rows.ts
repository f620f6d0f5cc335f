import { roundToF16 } from '../../numbers/f16.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { blockOf, type GramCodes, type GramRows } from '../gram/rows.ts'
import { halfQuadraticBlock } from './half-quadratic.ts'

/** Codes and grids of rows, block by block, by half-quadratic quantization. What a block gets does not depend on what is beside it. */
export function solveHalfQuadratic({ values, channels, depth, spec }: GramRows): GramCodes {
  const block = blockOf({ spec, depth })
  const blocks = Math.ceil(depth / block)
  const mostCode = 2 ** spec.bits - 1
  const half = 2 ** (spec.bits - 1)
  const stored = spec.scale === 'f16' ? roundToF16 : Math.fround
  const found = {
    codes: new Uint8Array(channels * depth),
    scales: new Float32Array(channels * blocks),
    zeros: new Uint8Array(channels * blocks),
  }
  for (let row = 0; row < channels; row++) {
    for (let index = 0; index < blocks; index++) {
      const from = row * depth + index * block
      const part = values.subarray(from, Math.min(from + block, (row + 1) * depth))
      const { scale, zero } = halfQuadraticBlock(part, mostCode, stored, spec.symmetric ? half : undefined)
      found.scales[row * blocks + index] = scale
      found.zeros[row * blocks + index] = zero
      for (const [i, value] of part.entries()) {
        const code = scale === 0 ? zero : Math.max(0, Math.min(mostCode, roundHalfEven(value / scale) + zero))
        found.codes[from + i] = code
      }
    }
  }
  return found
}
