import { didYouMean } from '../../near-names.ts'
import type { Family } from './families.ts'
import { FULL_STORAGE } from './full-storage.ts'
import { type ArrayFunctions, functionsWith } from './functions-with.ts'

export type { ArrayFunctions, QuantizeArrayOptions } from './functions-with.ts'

/** The functions over some families of codes. */
export function arrayFunctions(families: readonly Family[]): ArrayFunctions {
  return functionsWith(FULL_STORAGE, families, didYouMean)
}
