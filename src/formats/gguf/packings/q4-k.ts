import type { BlockLayout } from './block-layout.ts'
import { packNibbles, unpackNibbles } from './planes.ts'
import { packSixBitPairs, unpackSixBitPairs } from './six-bit-pairs.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 256 values: f16 d, f16 dmin, 12 bytes of scales and minimums, four runs of 32 bytes of nibbles. */
export const q4_k: BlockLayout = {
  id: 'Q4_K',
  type: 12,
  values: 256,
  byteLength: 144,
  levels: 16,
  parameters: 18,
  scheme: 'q4k',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[16]!)
    writeHalf(bytes, 2, parameters[17]!)
    packSixBitPairs(parameters, bytes, 4)
    for (let run = 0; run < 4; run++) packNibbles(codes, 64 * run, 32, bytes, 16 + 32 * run)
  },
  unpack(bytes, codes, parameters) {
    parameters[16] = readHalf(bytes, 0)
    parameters[17] = readHalf(bytes, 2)
    unpackSixBitPairs(bytes, 4, parameters)
    for (let run = 0; run < 4; run++) unpackNibbles(bytes, 16 + 32 * run, 32, codes, 64 * run)
  },
}
