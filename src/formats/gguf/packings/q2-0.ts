import type { BlockLayout } from './block-layout.ts'
import { readHalf, writeHalf } from './stored.ts'

/**
 * 64 values: f16 scale d, 16 bytes of two bits, lowest first. ggml: value = d * (stored - 1), so -1, 0, 1, 2 times d. That is int2 with a
 * signed scale seen in a mirror: scale = -d, code = 3 - stored, value = scale * (code - 2). Only the sign of a zero value differs.
 */
export const q2_0: BlockLayout = {
  id: 'Q2_0',
  type: 42,
  values: 64,
  byteLength: 18,
  levels: 4,
  parameters: 1,
  scheme: 'int2-block64-signed-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, -parameters[0]!)
    for (let j = 0; j < 16; j++) {
      let byte = 0
      for (let k = 0; k < 4; k++) byte |= (3 - codes[4 * j + k]!) << (2 * k)
      bytes[2 + j] = byte
    }
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = -readHalf(bytes, 0)
    for (let j = 0; j < 64; j++) codes[j] = 3 - ((bytes[2 + (j >>> 2)]! >>> (2 * (j & 3))) & 3)
  },
}
