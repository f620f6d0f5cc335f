import type { BlockLayout } from './block-layout.ts'
import { addBitRow, packBitRow, packNibbles, unpackNibbles } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 32 values: f16 scale, 4 bytes of fifth bits, 16 bytes of nibbles. value = scale * (code - 16). */
export const q5_0: BlockLayout = {
  id: 'Q5_0',
  type: 6,
  values: 32,
  byteLength: 22,
  levels: 32,
  parameters: 1,
  scheme: 'int5-block32-signed-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    packBitRow(codes, 4, bytes, 2)
    packNibbles(codes, 0, 16, bytes, 6)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    unpackNibbles(bytes, 6, 16, codes, 0)
    addBitRow(bytes, 2, 4, codes)
  },
}
