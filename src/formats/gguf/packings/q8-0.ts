import type { BlockLayout } from './block-layout.ts'
import { readHalf, writeHalf } from './stored.ts'

/** 32 values: f16 scale, 32 signed bytes. value = scale * (code - 128). */
export const q8_0: BlockLayout = {
  id: 'Q8_0',
  type: 8,
  values: 32,
  byteLength: 34,
  levels: 256,
  parameters: 1,
  scheme: 'int8-block32-signed-f16',
  pack(codes, parameters, bytes) {
    writeHalf(bytes, 0, parameters[0]!)
    for (let j = 0; j < 32; j++) bytes[2 + j] = codes[j]! ^ 128
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = readHalf(bytes, 0)
    for (let j = 0; j < 32; j++) codes[j] = bytes[2 + j]! ^ 128
  },
}
