import type { Codec } from '../../model/array-scheme.ts'
import { FLOAT_LAYOUTS } from '../../numbers/float-layouts.ts'
import { smallFloatValues } from '../../numbers/small-floats.ts'
import { floatTable, type ScaledFloat } from './float-table.ts'
import { type TableScale, tableCodec } from './table-codec.ts'

/** Small floats under a scale a group. */
export function scaledFloatCodec(dtype: ScaledFloat, { scale }: { readonly scale: TableScale }): Codec {
  const { bits, negativeZero } = FLOAT_LAYOUTS[dtype]
  return tableCodec(floatTable(dtype), {
    scale,
    ties: 'even',
    nested: true,
    decoded: smallFloatValues(dtype),
    ...(negativeZero && { negativeZero: 2 ** (bits - 1) }),
  })
}
