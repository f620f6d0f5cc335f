import type { BlockLayout } from './block-layout.ts'
import { packNibbles, unpackNibbles } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 32 values: f16 scale, 16 bytes of nibbles. value = scale * (code - 8). */
export const q4_0: BlockLayout = {
  id: 'Q4_0',
  type: 2,
  values: 32,
  byteLength: 18,
  levels: 16,
  parameters: 1,
  scheme: 'int4-block32-signed-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    packNibbles(codes, 0, 16, bytes, 2)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    unpackNibbles(bytes, 2, 16, codes, 0)
  },
}
