import type { BlockLayout } from './block-layout.ts'
import { addPairs, packPairs } from './planes.ts'
import { readHalf, storedInteger, writeHalf } from './stored.ts'

/** 256 values: 16 bytes of scale below and minimum above, 64 bytes of codes, f16 d, f16 dmin. */
export const q2_k: BlockLayout = {
  id: 'Q2_K',
  type: 10,
  values: 256,
  byteLength: 84,
  levels: 4,
  parameters: 34,
  scheme: 'q2k',
  pack(codes, parameters, bytes) {
    for (let j = 0; j < 16; j++) {
      bytes[j] = storedInteger(parameters[j]!, 0, 15) | (storedInteger(parameters[16 + j]!, 0, 15) << 4)
    }
    packPairs(codes, 0, bytes, 16)
    writeHalf(bytes, 80, parameters[32]!)
    writeHalf(bytes, 82, parameters[33]!)
  },
  unpack(bytes, codes, parameters) {
    for (let j = 0; j < 16; j++) {
      parameters[j] = bytes[j]! & 15
      parameters[16 + j] = bytes[j]! >>> 4
    }
    codes.fill(0)
    addPairs(bytes, 16, 0, codes)
    parameters[32] = readHalf(bytes, 80)
    parameters[33] = readHalf(bytes, 82)
  },
}
