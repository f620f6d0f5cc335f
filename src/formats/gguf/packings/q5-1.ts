import type { BlockLayout } from './block-layout.ts'
import { addBitRow, packBitRow, packNibbles, unpackNibbles } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 32 values: f16 scale, f16 offset, 4 bytes of fifth bits, 16 bytes of nibbles. value = scale * code + offset. */
export const q5_1: BlockLayout = {
  id: 'Q5_1',
  type: 7,
  values: 32,
  byteLength: 24,
  levels: 32,
  parameters: 2,
  scheme: 'uint5-block32-offset-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    writeHalf(bytes, 2, parameters[1]!)
    packBitRow(codes, 4, bytes, 4)
    packNibbles(codes, 0, 16, bytes, 8)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    parameters[1] = readHalf(bytes, 2)
    unpackNibbles(bytes, 8, 16, codes, 0)
    addBitRow(bytes, 4, 4, codes)
  },
}
