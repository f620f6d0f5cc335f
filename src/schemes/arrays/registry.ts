import { SUPERBLOCKS } from '../superblocks/superblock-family.ts'
import { TABLE_FAMILIES } from '../tables/families.ts'
import { arrayFunctions } from './array-functions.ts'
import type { Family } from './families.ts'
import { INTEGERS } from './integer-family.ts'

/** Every family of codes. The order decides nothing: no two patterns match the same code. */
export const FAMILIES: readonly Family[] = [INTEGERS, ...TABLE_FAMILIES, SUPERBLOCKS]

/** The functions of the public API, over all schemes. */
export const { arrayScheme, dequantizeArray, quantizeArray } = arrayFunctions(FAMILIES)
