import { integerFamily } from './integer-family.ts'
import { SEARCHES } from './integer-search.ts'
import { scaleRounding } from './scale-rounding.ts'

/** int1 .. int8, int16, the same with uint, and any other count of levels, with every search and type of scale. */
export const INTEGERS = integerFamily(
  SEARCHES,
  {
    f32: scaleRounding('f32'),
    f16: scaleRounding('f16'),
    bf16: scaleRounding('bf16'),
  },
  /^(u?int)([1-8]|16)$|^levels([1-9]\d{0,4})$/,
  [
    'int8-tensor',
    'int8-row',
    'int8-channel',
    'uint8-tensor',
    'uint8-row-asym',
    'int4-block32',
    'int4-block32-signed-f16',
    'int4-block32-asym-f16',
    'int4-block32-offset-f16',
    'int3-block32',
    'int2-block16',
    'int16-row',
    'levels8-tensor-offset',
  ],
)
