import type { BlockLayout } from './block-layout.ts'
import { addPairs, packPairs } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 256 values: 64 bytes of two bits, f16 scale. value = scale * (code - 1). Code 3 is never written; ggml reads it as 2. */
export const tq2_0: BlockLayout = {
  id: 'TQ2_0',
  type: 35,
  values: 256,
  byteLength: 66,
  levels: 3,
  parameters: 1,
  scheme: 'ternary-block256-f16',
  pack(codes, parameters, bytes) {
    packPairs(codes, 0, bytes, 0)
    writeHalf(bytes, 64, parameters[0]!)
  },
  unpack(bytes, codes, parameters) {
    codes.fill(0)
    addPairs(bytes, 0, 0, codes)
    parameters[0] = readHalf(bytes, 64)
  },
}
