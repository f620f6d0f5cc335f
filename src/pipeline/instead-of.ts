/** Schemes that arrays have and weights of a model do not, by how they are spelt, and what weights have in their place. */
const ARRAYS_ONLY: readonly (readonly [RegExp, string])[] = [
  [/^(mxfp4|nvfp4)$/, 'e2m1-block32-f16 has the same levels under plain scales'],
  [/^mxfp8e(4m3|5m2)$/, 'e4m3fn-block32-f16 or e5m2-block32-f16 has the same levels under plain scales'],
  [/^mxfp6e(2m3|3m2)$/, 'e2m3-block32-f16 or e3m2-block32-f16 has the same levels under plain scales'],
  [/^mxint8$/, 'int8-block32-sym has the same codes under plain scales'],
  [/^nf4double$/, 'nf4-block64-f16 has scales half as long'],
  [/^(q[2-8]_?[01k]|codebook|fitted|product)/i, 'iq4nl-block32-f16, nf4-block64 and nf3-block32 have fixed tables'],
  [/^(levels\d+|u?int1|u?int16)(-|$)/, 'integers of weights have 2 to 8 bits; binary-block128 has one'],
  [
    /^u?int[2-8]-.*(-signed|-offset|-bf16)(-|$)/,
    'scales are f32 or f16, kinds sym or asym, such as int4-block32-asym-f16',
  ],
  [/^u?int[3567]-.*-asym/, 'codes of 3, 5, 6 and 7 bits are symmetric, such as int3-block32'],
  [
    /-(signed|bf16|e4m3fn|e8m0)(-|$)/,
    'scales are f32 or f16 and take either sign by themselves, such as nf4-block64-f16',
  ],
  [
    /-(row|column|channel\d+|tile\d+x\d+)(-|$)/,
    'weights share scales by tensor, channel or block, such as nf4-channel',
  ],
  [
    /^(f16|bf16|e4m3fn|e4m3fnuz|e4m3b11|e5m2|e5m2fnuz|e2m3|e3m2|e2m1)-?(saturate|infinity|nan)?$/,
    'name what shares a scale, such as e4m3fn-channel',
  ],
  [/^tf32$/, 'bf16-weights and fp16-weights are half precision'],
]

/** A hint for a scheme that only arrays have; null for what is no scheme at all. */
export function insteadOf(what: string): { readonly hint: string } | null {
  const hint = ARRAYS_ONLY.find(([pattern]) => pattern.test(what))?.[1]
  return hint === undefined ? null : { hint }
}
