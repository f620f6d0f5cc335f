import type { BlockLayout } from './block-layout.ts'
import { packNibbles, unpackNibbles } from './planes.ts'
import { notStored } from './stored.ts'

/** Value of every scale code: 2^(code - 127). Code 255 is no number in the MX standard; ggml reads 2^128, beyond f32. */
const POWERS = Float32Array.from({ length: 255 }, (_, code) => 2 ** (code - 127))
const CODES = new Map([...POWERS].map((power, code) => [power, code]))

/** 32 values: scale as power of two, 16 bytes of nibbles. value = scale * e2m1(code). */
export const mxfp4: BlockLayout = {
  id: 'MXFP4',
  type: 39,
  values: 32,
  byteLength: 17,
  levels: 16,
  parameters: 1,
  scheme: 'mxfp4',
  pack(codes, parameters, bytes) {
    const code = CODES.get(parameters[0]!)
    if (code === undefined) throw notStored('a power of two from 2^-127 to 2^127', parameters[0]!)
    bytes[0] = code
    packNibbles(codes, 0, 16, bytes, 1)
  },
  unpack(bytes, codes, parameters) {
    parameters[0] = POWERS[bytes[0]!] ?? Number.NaN
    unpackNibbles(bytes, 1, 16, codes, 0)
  },
}
