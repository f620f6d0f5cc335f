import type { Family } from '../arrays/families.ts'
import { NF4 } from '../tables/normal-float.ts'
import { DOUBLE_GROUP, doubleScalesCodec } from './double-scales.ts'

/**
 * nf4double: nf4 in blocks of 64 whose scales are quantized in blocks of 256. A group has room for 256 scales, so rows much shorter than
 * 16,384 values waste some. bitsandbytes counts its blocks through the whole array: give it the array as one row to have the same.
 */
export const DOUBLE_SCALES: Family = {
  name: 'double quantization',
  pattern: /^nf4double$/,
  examples: ['nf4double'],
  kinds: () => [],
  scales: () => [],
  grouping: { kind: 'block', size: DOUBLE_GROUP },
  fixed: true,
  make: () => doubleScalesCodec(NF4),
}
