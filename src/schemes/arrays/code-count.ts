import type { ArrayScheme, Codec } from '../../model/array-scheme.ts'
import { eachGroup } from './grouping.ts'

/** Bits of one stored code: whole ones, or 8/5 where five digits share a byte. */
export function codeBits(codec: Codec): number {
  if (codec.packing === 'trits') return 1.6
  let bits = 1
  while (2 ** bits < codec.levels) bits++
  return bits
}

/** Codes of an array: one per value, or per vector of a group. */
export function codeCount(scheme: ArrayScheme, shape: readonly number[]): number {
  let count = 0
  eachGroup(shape, scheme.grouping, ({ rows, columns }) => {
    count += Math.ceil((rows * columns) / scheme.codec.vector)
  })
  return count
}
