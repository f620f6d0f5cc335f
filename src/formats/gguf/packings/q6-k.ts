import type { BlockLayout } from './block-layout.ts'
import { addPairs, packNibbles, packPairs, unpackNibbles } from './planes.ts'
import { readHalf, storedInteger, writeHalf } from './stored.ts'

/** 256 values: 128 bytes of low nibbles (codes l and l + 64 of each 128), 64 bytes of upper pairs, 16 signed scales, f16 d. */
export const q6_k: BlockLayout = {
  id: 'Q6_K',
  type: 14,
  values: 256,
  byteLength: 210,
  levels: 64,
  parameters: 17,
  scheme: 'q6k',
  pack(codes, parameters, bytes) {
    for (let half = 0; half < 2; half++) packNibbles(codes, 128 * half, 64, bytes, 64 * half)
    packPairs(codes, 4, bytes, 128)
    for (let j = 0; j < 16; j++) bytes[192 + j] = storedInteger(parameters[j]!, -128, 127) & 255
    writeHalf(bytes, 208, parameters[16]!)
  },
  unpack(bytes, codes, parameters) {
    for (let half = 0; half < 2; half++) unpackNibbles(bytes, 64 * half, 64, codes, 128 * half)
    addPairs(bytes, 128, 4, codes)
    for (let j = 0; j < 16; j++) parameters[j] = (bytes[192 + j]! << 24) >> 24
    parameters[16] = readHalf(bytes, 208)
  },
}
