import type { BlockLayout } from './block-layout.ts'
import { packNibbles, unpackNibbles } from './planes.ts'
import { notStored } from './stored.ts'

/** Value of every scale code as ggml reads it: e4m3 without a sign, the code that is no number being 0. */
const SCALES = Float32Array.from({ length: 128 }, (_, code) => {
  if (code === 127) return 0
  return code < 8 ? code * 2 ** -9 : (8 + (code & 7)) * 2 ** ((code >>> 3) - 10)
})
const CODES = new Map([...SCALES.subarray(0, 127)].map((scale, code) => [scale, code]))

/**
 * 64 values: four scales in e4m3 (not negative), four times 8 bytes of nibbles. value = scale * e2m1(code), one scale for 16 values.
 * The block has no scale of the tensor: where a model has one, it is a tensor of its own; else `tensorScale` is 1.
 */
export const nvfp4: BlockLayout = {
  id: 'NVFP4',
  type: 40,
  values: 64,
  byteLength: 36,
  levels: 16,
  parameters: 4,
  scheme: 'nvfp4',
  pack(codes, parameters, bytes) {
    for (let group = 0; group < 4; group++) {
      const code = CODES.get(parameters[group]!)
      if (code === undefined) throw notStored('an e4m3 value from 0 to 448', parameters[group]!)
      bytes[group] = code
      packNibbles(codes, 16 * group, 8, bytes, 4 + 8 * group)
    }
  },
  unpack(bytes, codes, parameters) {
    for (let group = 0; group < 4; group++) {
      parameters[group] = SCALES[bytes[group]! & 127]!
      unpackNibbles(bytes, 4 + 8 * group, 8, codes, 16 * group)
    }
  },
}
