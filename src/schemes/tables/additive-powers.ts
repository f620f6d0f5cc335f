/**
 * apot3 .. apot7: sums of powers of two, denser in the middle than plain ones and still cheap to multiply.
 *
 *   value = +-scale * (a + b + c)      code: sign bit, then which c (apot6 and 7), which b (from apot4), lowest bits which a
 *   bits + bits of the scale / block per weight; 2^bits - 1 levels (negative zero is not written)
 *
 * Additive Powers-of-Two Quantization (Li, Dong, Wang 2020), base width 2; sets for odd widths as in the authors' code.
 */
export { additivePowersTable } from '../../numbers/level-tables/additive-powers.ts'
