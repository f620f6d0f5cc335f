import type { BlockLayout } from './block-layout.ts'
import { readHalf, writeHalf } from './stored.ts'

/** [first byte, bytes, first code, digits]: digit n of byte j is code first + n * bytes + j. */
const RUNS = [
  [0, 32, 0, 5],
  [32, 16, 160, 5],
  [48, 4, 240, 4],
] as const

/**
 * 256 values: 52 bytes of base-3 digits, f16 scale. value = scale * (code - 1). A byte is the number 0.abcde in base 3, in units of
 * 1/256 and rounded up, so that times three the overflow is the first digit; the last four bytes have four digits.
 */
export const tq1_0: BlockLayout = {
  id: 'TQ1_0',
  type: 34,
  values: 256,
  byteLength: 54,
  levels: 3,
  parameters: 1,
  scheme: 'ternary-block256-f16',
  pack(codes, parameters, bytes) {
    for (const [offset, count, first, digits] of RUNS) {
      for (let j = 0; j < count; j++) {
        let number = 0
        for (let n = 0; n < 5; n++) number = 3 * number + (n < digits ? codes[first + n * count + j]! : 0)
        bytes[offset + j] = Math.ceil((256 * number) / 243)
      }
    }
    writeHalf(bytes, 52, parameters[0]!)
  },
  unpack(bytes, codes, parameters) {
    for (const [offset, count, first, digits] of RUNS) {
      for (let j = 0; j < count; j++) {
        let rest = bytes[offset + j]!
        for (let n = 0; n < digits; n++) {
          codes[first + n * count + j] = (3 * rest) >>> 8
          rest = (3 * rest) & 255
        }
      }
    }
    parameters[0] = readHalf(bytes, 52)
  },
}
