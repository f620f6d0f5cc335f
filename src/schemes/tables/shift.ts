/**
 * shift2 .. shift6, shift1nz .. shift6nz: powers of two, so that multiplying is shifting.
 *
 *   value = +-scale * 2^-k, with zero: or 0      code: sign bit, then 0 for zero or 1 + steps above the least power
 *   bits + bits of the scale / block per weight; with zero 2^bits - 1 levels (negative zero is not written), without 2^bits
 *
 * Incremental Network Quantization (Zhou et al. 2017), DeepShift (Elhoushi et al. 2019); largest power 1.
 */
export { shiftTable } from '../../numbers/level-tables/shift.ts'
