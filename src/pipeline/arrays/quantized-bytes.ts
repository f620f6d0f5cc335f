import type { QuantizedArray } from '../../model/array-scheme.ts'

/** Bytes of codes and parameters; names, shape and headers of a file come on top. */
export function byteLengthOf({ codes, parameters }: QuantizedArray): number {
  return Object.values(parameters).reduce((sum, { byteLength }) => sum + byteLength, codes.length)
}
