/**
 * e4m3fn, e5m2, e2m3, e3m2, e2m1 and their kin as level tables: small floats under a scale.
 *
 *   value = scale * float(code)      code: sign, exponent, fraction; infinity and NaN are not written
 *   8, 6 or 4 + bits of the scale / block per weight
 *
 * Formats as in src/numbers/float-layouts.ts; halves go to the even code, as in the casts.
 */
export { floatTable, type ScaledFloat } from '../../numbers/level-tables/floats.ts'
