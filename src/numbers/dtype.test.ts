import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { bitWidthOf, byteLengthOf, elementCountOf, isFloat, isInteger, isSignedInteger } from './dtype.ts'

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return error instanceof TersorError ? error.code : 'other'
  }
  return 'none'
}

describe('byteLengthOf', () => {
  test('whole bytes and packed bits', () => {
    expect(byteLengthOf('f32', 3)).toBe(12)
    expect(byteLengthOf('c128', 2)).toBe(32)
    expect(byteLengthOf('i4', 0)).toBe(0)
    expect(byteLengthOf('u4', 5)).toBe(3)
    expect(byteLengthOf('i2', 4)).toBe(1)
    expect(byteLengthOf('u2', 5)).toBe(2)
    expect(byteLengthOf('e2m1', 7)).toBe(4)
    expect(byteLengthOf('bool', 9)).toBe(9)
  })

  test('is exact for every count, against big integers', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom('u2', 'i4', 'u8', 'f16', 'f64', 'c128'), (count, dtype) => {
        const exact = (BigInt(count) * BigInt(bitWidthOf(dtype)) + 7n) / 8n
        if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return codeOf(() => byteLengthOf(dtype, count)) === 'E_LIMIT'
        return BigInt(byteLengthOf(dtype, count)) === exact
      }),
    )
  })

  test('refuses what is no count, and strings', () => {
    for (const count of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      expect(codeOf(() => byteLengthOf('u8', count))).toBe('E_LIMIT')
    }
    expect(codeOf(() => byteLengthOf('string', 1))).toBe('E_UNSUPPORTED')
  })
})

describe('elementCountOf', () => {
  test('multiplies, and finds overflow behind a zero', () => {
    expect(elementCountOf([])).toBe(1)
    expect(elementCountOf([2, 3, 4])).toBe(24)
    expect(elementCountOf([2, 0, 4])).toBe(0)
    expect(codeOf(() => elementCountOf([2 ** 40, 2 ** 40]))).toBe('E_LIMIT')
    expect(codeOf(() => elementCountOf([2 ** 40, 0, 2 ** 40]))).toBe('E_LIMIT')
    expect(codeOf(() => elementCountOf([0, 2 ** 40, 2 ** 40]))).toBe('E_LIMIT')
    expect(codeOf(() => elementCountOf([-1, -1]))).toBe('E_LIMIT')
    expect(codeOf(() => elementCountOf([1.5]))).toBe('E_LIMIT')
  })
})

test('kinds of types', () => {
  expect(isFloat('bf16')).toBe(true)
  expect(isFloat('i8')).toBe(false)
  expect(isFloat('c64')).toBe(false)
  expect(isInteger('u2')).toBe(true)
  expect(isInteger('bool')).toBe(false)
  expect(isSignedInteger('i4')).toBe(true)
  expect(isSignedInteger('u4')).toBe(false)
})
