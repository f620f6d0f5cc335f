import fc from 'fast-check'
import { expect, test } from 'vitest'
import { log2 } from './log2.ts'

test('exact for powers of two, subnormal ones included', () => {
  for (let exponent = -1074; exponent <= 1023; exponent++) expect(log2(2 ** exponent)).toBe(exponent)
})

test('edges', () => {
  expect(log2(0)).toBe(-Infinity)
  expect(log2(-0)).toBe(-Infinity)
  expect(log2(-1)).toBeNaN()
  expect(log2(Number.NaN)).toBeNaN()
  expect(log2(Infinity)).toBe(Infinity)
})

test('within 1e-15 plus rounding of the engine’s own', () => {
  fc.assert(
    fc.property(fc.double({ min: 5e-324, noNaN: true, max: 1.7e308 }), (value) => {
      const expected = Math.log2(value)
      return Math.abs(log2(value) - expected) <= 1e-15 + Math.abs(expected) * 2 ** -51
    }),
    { numRuns: 1000 },
  )
})

test('rises with its argument around the cut between octaves', () => {
  let last = log2(1.41)
  for (let value = 1.41; value < 1.42; value += 1e-6) {
    expect(log2(value)).toBeGreaterThanOrEqual(last)
    last = log2(value)
  }
})

test('pinned bits', () => {
  expect(log2(3)).toBe(1.584962500721156)
  expect(log2(10)).toBe(3.321928094887362)
})
