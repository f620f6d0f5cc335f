import type { BlockLayout } from './block-layout.ts'
import { addBitRow, packBitRow } from './planes.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 128 values: f16 scale, 16 bytes of bits. value = code 1: scale, code 0: -scale. */
export const q1_0: BlockLayout = {
  id: 'Q1_0',
  type: 41,
  values: 128,
  byteLength: 18,
  levels: 2,
  parameters: 1,
  scheme: 'binary-block128-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    for (let run = 0; run < 4; run++) packBitRow(codes.subarray(32 * run), 0, bytes, 2 + 4 * run)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    codes.fill(0)
    for (let run = 0; run < 4; run++) addBitRow(bytes, 2 + 4 * run, 0, codes.subarray(32 * run))
  },
}
