import { CODEBOOK_FAMILIES } from '../codebook/codebook-families.ts'
import { DOUBLE_SCALES, SUPERBLOCKS } from '../superblocks/index.ts'
import { TABLE_FAMILIES } from '../tables/families.ts'
import { arrayFunctions } from './array-functions.ts'
import type { Family } from './families.ts'
import { INTEGERS } from './integers.ts'

/** Every family of codes. A float's name alone is a cast, with a granularity it has scales (see `parseArrayScheme`). */
export const FAMILIES: readonly Family[] = [
  INTEGERS,
  ...TABLE_FAMILIES,
  ...CODEBOOK_FAMILIES,
  SUPERBLOCKS,
  DOUBLE_SCALES,
]

/** The functions of the public API, over all schemes. */
export const { arrayScheme, dequantizeArray, quantizeArray } = arrayFunctions(FAMILIES)
