/**
 * mxfp8e4m3, mxfp8e5m2, mxfp6e2m3, mxfp6e3m2, mxfp4, mxint8: blocks of 32 small numbers under a power of two.
 *
 *   value = 2^(scale code - 127) * element(code)      element: e4m3fn, e5m2, e2m3, e3m2, e2m1, or an integer / 64
 *   8.25, 6.25 or 4.25 bits per weight
 *
 * OCP Microscaling Formats 1.0. Closed form: its conversion (elements saturate); exact: the best of all scales.
 */
import type { Codec, LevelTable } from '../../model/array-scheme.ts'
import { floatTable, type ScaledFloat } from './float-table.ts'
import { scaledFloatCodec } from './scaled-float.ts'
import { tableCodec } from './table-codec.ts'

export const MX_BLOCK = 32

const ELEMENTS = {
  mxfp8e4m3: 'e4m3fn',
  mxfp8e5m2: 'e5m2',
  mxfp6e2m3: 'e2m3',
  mxfp6e3m2: 'e3m2',
  mxfp4: 'e2m1',
} as const satisfies Record<string, ScaledFloat>

export type MxName = keyof typeof ELEMENTS | 'mxint8'

export const MX_NAMES: readonly MxName[] = ['mxfp8e4m3', 'mxfp8e5m2', 'mxfp6e2m3', 'mxfp6e3m2', 'mxfp4', 'mxint8']

/** Codes are two's complement in units of 1/64. -2 (code 0x80) is read but not written, so that both signs reach alike. */
export const MXINT8: LevelTable = {
  levels: Float32Array.from({ length: 255 }, (_, index) => (index - 127) / 64),
  codes: Uint16Array.from({ length: 255 }, (_, index) => (index - 127) & 0xff),
}

const MXINT8_DECODED = Float32Array.from({ length: 256 }, (_, code) => (code < 128 ? code : code - 256) / 64)

export function mxTable(name: MxName): LevelTable {
  return name === 'mxint8' ? MXINT8 : floatTable(ELEMENTS[name])
}

export function mxCodec(name: MxName): Codec {
  if (name !== 'mxint8') return scaledFloatCodec(ELEMENTS[name], { scale: 'e8m0' })
  return tableCodec(MXINT8, { scale: 'e8m0', nested: true, ties: 'even', decoded: MXINT8_DECODED })
}
