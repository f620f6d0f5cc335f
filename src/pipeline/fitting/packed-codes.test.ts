import { expect, test } from 'vitest'
import { packCodes, packedLength, unpackCodes } from './packed-codes.ts'

test.each([1, 2, 3, 4, 8])('%i bits: codes come back, in as many bytes as said', (bits) => {
  for (const count of [0, 1, 7, 8, 33]) {
    const codes = Uint8Array.from({ length: count }, (_, i) => (i * 37) % 2 ** bits)
    const packed = packCodes(codes, bits)
    expect(packed).toHaveLength(packedLength(count, bits))
    expect(unpackCodes(packed, bits, count)).toEqual(codes)
  }
  expect(packedLength(32, bits)).toBe(bits === 3 ? 32 : (32 * bits) / 8)
})
