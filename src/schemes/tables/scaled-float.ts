import type { Codec, CodecKernel } from '../../model/array-scheme.ts'
import type { SmallFloatFormat } from '../../model/kernels.ts'
import { FLOAT_LAYOUTS } from '../../numbers/float-layouts.ts'
import { largestFloat, smallFloatValues } from '../../numbers/small-floats.ts'
import { floatTable, type ScaledFloat } from './float-table.ts'
import { type TableScale, tableCodec } from './table-codec.ts'

/** Small floats under a scale a group. */
export function scaledFloatCodec(dtype: ScaledFloat, { scale }: { readonly scale: TableScale }): Codec {
  const { bits, negativeZero } = FLOAT_LAYOUTS[dtype]
  const kernel = floatKernel(dtype)
  return tableCodec(floatTable(dtype), {
    scale,
    ties: 'even',
    nested: true,
    decoded: smallFloatValues(dtype),
    ...(kernel && { kernel }),
    ...(negativeZero && { negativeZero: 2 ** (bits - 1) }),
  })
}

const FORMATS: Readonly<Partial<Record<ScaledFloat, keyof typeof SmallFloatFormat>>> = {
  e4m3fn: 'e4m3fn',
  e4m3fnuz: 'e4m3fnuz',
  e4m3b11: 'e4m3b11fnuz',
  e5m2: 'e5m2',
  e5m2fnuz: 'e5m2fnuz',
}

/** Floats of a byte have a kernel. */
function floatKernel(dtype: ScaledFloat): Omit<CodecKernel, 'halfScales'> | undefined {
  const format = FORMATS[dtype]
  if (format === undefined) return undefined
  const most = largestFloat(dtype)
  const { negativeZero } = FLOAT_LAYOUTS[dtype]
  const decoded = smallFloatValues(dtype)
  return { rule: 'reach', up: most, down: most, perByte: 1, codes: { kind: 'floats', format, negativeZero, decoded } }
}
