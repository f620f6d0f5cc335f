import type { Codec, ParameterArray, ParameterType } from '../../model/array-scheme.ts'

/**
 * How parameters and codes are stored. Passed in, so that a bundle of one family of schemes need not hold the number formats of all:
 * `FULL_STORAGE` knows every type, `BYTE_STORAGE` those of codes of a byte.
 */
export interface Storage {
  /** An array for `count` parameters in their stored form. */
  parameters(type: ParameterType, count: number): ParameterArray
  /** The value is one that the type holds exactly; anything else is E_INTERNAL. */
  store(array: ParameterArray, type: ParameterType, index: number, value: number): void
  load(array: ParameterArray, type: ParameterType, index: number): number
  /** Bytes of `count` packed codes. */
  packedLength(codec: Codec, count: number): number
  pack(codec: Codec, codes: Uint16Array): Uint8Array
  /** Fills `codes` and returns them. */
  unpack(codec: Codec, bytes: Uint8Array, codes: Uint16Array): Uint16Array
}
