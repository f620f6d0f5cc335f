import { arrayFunctions } from './array-functions.ts'
import type { Family } from './families.ts'
import { INTEGERS } from './integer-family.ts'

/** Every family of codes. The order decides nothing: of two patterns for the same code, one takes a granularity and one does not. */
export const FAMILIES: readonly Family[] = [INTEGERS]

/** The functions of the public API, over all schemes. */
export const { arrayScheme, dequantizeArray, quantizeArray } = arrayFunctions(FAMILIES)
