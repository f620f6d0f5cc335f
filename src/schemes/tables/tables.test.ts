import { describe, expect, it } from 'vitest'
import { TersorError } from '../../errors.ts'
import type { LevelTable } from '../../model/array-scheme.ts'
import { decodeArray } from '../arrays/dequantize-array.ts'
import { encodeArray } from '../arrays/quantize-array.ts'
import { parseArrayScheme } from '../arrays/scheme-grammar.ts'
import { additivePowersTable } from './additive-powers.ts'
import { TABLE_FAMILIES } from './families.ts'
import { floatTable } from './float-table.ts'
import { mxTable } from './mx.ts'
import { shiftTable } from './shift.ts'

function byCode({ levels, codes }: LevelTable): Map<number, number> {
  return new Map([...levels].map((level, index) => [codes?.[index] ?? index, level]))
}

describe('level tables', () => {
  it('shift codes with and without zero', () => {
    expect([...shiftTable(2).levels]).toEqual([-1, 0, 1])
    expect([...shiftTable(3).levels]).toEqual([-1, -0.5, -0.25, 0, 0.25, 0.5, 1])
    expect([...shiftTable(3).codes!]).toEqual([7, 6, 5, 0, 1, 2, 3])
    expect([...shiftTable(3, false).levels]).toEqual([-1, -0.5, -0.25, -0.125, 0.125, 0.25, 0.5, 1])
    expect([...shiftTable(1, false).levels]).toEqual([-1, 1])
    expect(shiftTable(6).levels).toHaveLength(63)
    for (const bits of [1, 7, 2.5]) expect(() => shiftTable(bits)).toThrow(TersorError)
  })

  it('additive powers, as the paper draws them', () => {
    expect([...additivePowersTable(3).levels].slice(3)).toEqual([0, 1 / 8, 1 / 4, 1 / 2])
    expect([...additivePowersTable(4).levels].slice(7).map((level) => level * 16)).toEqual([0, 1, 2, 3, 4, 6, 8, 10])
    // Five bits: a / 64 of {0, 32, 8, 2} and {0, 16, 4, 1}.
    expect([...additivePowersTable(5).levels].slice(15).map((level) => level * 64)).toEqual([
      0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48,
    ])
    for (const bits of [3, 4, 5, 6, 7]) expect(additivePowersTable(bits).levels).toHaveLength(2 ** bits - 1)
    expect(byCode(additivePowersTable(4)).get(0b0110)).toBe(1 / 8 + 1 / 4)
    expect(byCode(additivePowersTable(4)).get(0b1110)).toBe(-1 / 8 - 1 / 4)
    expect(() => additivePowersTable(8)).toThrow(TersorError)
  })

  it('floats and integers of MX', () => {
    expect([...floatTable('e2m1').levels].slice(7)).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    expect([...floatTable('e2m1').codes!].slice(0, 8)).toEqual([15, 14, 13, 12, 11, 10, 9, 0])
    expect(floatTable('e4m3fn').levels).toHaveLength(253)
    expect(floatTable('e4m3fnuz').levels).toHaveLength(255)
    expect(floatTable('e5m2').levels).toHaveLength(247)
    expect(byCode(mxTable('mxint8')).get(0x81)).toBe(-127 / 64)
    expect(byCode(mxTable('mxint8')).get(0x7f)).toBe(127 / 64)
  })

  it('every table is ascending, with different levels and codes', () => {
    const tables = [2, 3, 4, 5, 6].map((bits) => shiftTable(bits))
    tables.push(...[3, 4, 5, 6, 7].map(additivePowersTable), floatTable('e3m2'), floatTable('e2m3'), mxTable('mxint8'))
    for (const { levels, codes } of tables) {
      expect(levels.every((level, index) => index === 0 || level > levels[index - 1]!)).toBe(true)
      expect(new Set(codes).size).toBe(levels.length)
    }
  })
})

it('tf32 keeps ten bits of the fraction, in 19 bits a value', () => {
  const values = Float32Array.from({ length: 33 }, (_, i) => (i - 16) * 1.2345678e-3 * 10 ** (i % 7))
  const scheme = parseArrayScheme('tf32', TABLE_FAMILIES)
  const quantized = encodeArray(values, scheme)
  expect(quantized.codes.length + quantized.parameters.tails!.length).toBe(66 + 18)
  const decoded = decodeArray(quantized, scheme)
  for (const [i, x] of values.entries()) expect(Math.abs(x - decoded[i]!)).toBeLessThanOrEqual(Math.abs(x) * 2 ** -11)
  expect(decodeArray(encodeArray(Float32Array.of(3.4028e38, -3.4028e38, 1e-45), scheme), scheme)[0]).toBe(
    3.4011621342146535e38,
  )
})
