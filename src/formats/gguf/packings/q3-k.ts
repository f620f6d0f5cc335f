import type { BlockLayout } from './block-layout.ts'
import { addBitColumns, addPairs, packBitColumns, packPairs } from './planes.ts'
import { readHalf, storedInteger, writeHalf } from './stored.ts'

/**
 * 256 values: 32 bytes of third bits, 64 bytes of low pairs, 12 bytes of 16 six-bit scales, f16 d. Low four bits of scales j and j + 8
 * share byte j; the upper pairs of scales j, j + 4, j + 8, j + 12 share byte 8 + j.
 */
export const q3_k: BlockLayout = {
  id: 'Q3_K',
  type: 11,
  values: 256,
  byteLength: 110,
  levels: 8,
  parameters: 17,
  scheme: 'q3k',
  pack(codes, parameters, bytes) {
    packBitColumns(codes, 2, bytes, 0)
    packPairs(codes, 0, bytes, 32)
    bytes.fill(0, 96, 108)
    for (let j = 0; j < 16; j++) {
      const scale = storedInteger(parameters[j]!, 0, 63)
      bytes[96 + (j & 7)]! |= (scale & 15) << (j < 8 ? 0 : 4)
      bytes[104 + (j & 3)]! |= (scale >>> 4) << (2 * (j >>> 2))
    }
    writeHalf(bytes, 108, parameters[16]!)
  },
  unpack(bytes, codes, parameters) {
    codes.fill(0)
    addPairs(bytes, 32, 0, codes)
    addBitColumns(bytes, 0, 2, codes)
    for (let j = 0; j < 16; j++) {
      const low = (bytes[96 + (j & 7)]! >>> (j < 8 ? 0 : 4)) & 15
      parameters[j] = low | (((bytes[104 + (j & 3)]! >>> (2 * (j >>> 2))) & 3) << 4)
    }
    parameters[16] = readHalf(bytes, 108)
  },
}
