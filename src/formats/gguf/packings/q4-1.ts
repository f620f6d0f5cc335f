import type { BlockLayout } from './block-layout.ts'
import { packNibbles, unpackNibbles } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 32 values: f16 scale, f16 offset, 16 bytes of nibbles. value = scale * code + offset. */
export const q4_1: BlockLayout = {
  id: 'Q4_1',
  type: 3,
  values: 32,
  byteLength: 20,
  levels: 16,
  parameters: 2,
  scheme: 'uint4-block32-offset-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    writeHalf(bytes, 2, parameters[1]!)
    packNibbles(codes, 0, 16, bytes, 4)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    parameters[1] = readHalf(bytes, 2)
    unpackNibbles(bytes, 4, 16, codes, 0)
  },
}
