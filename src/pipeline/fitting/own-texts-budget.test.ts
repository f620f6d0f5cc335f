import { expect, test } from 'vitest'
import { textsWithin } from './own-texts-budget.ts'

const whole = { length: 128, cached: false }
const cached = { length: 128, cached: true }

test('large models write fewer and shorter texts, and with caches more of them', () => {
  expect(textsWithin(whole, 3e5, undefined)).toMatchObject({ count: 256, length: 128 })
  expect(textsWithin(whole, 5e7, undefined)).toMatchObject({ count: 16, length: 64 })
  expect(textsWithin(cached, 1e7, undefined)).toMatchObject({ count: 256, length: 128 })
  expect(textsWithin(whole, 1e9, undefined)).toBeNull()
  expect(textsWithin(cached, 1e9, undefined)).toMatchObject({ count: 16, length: 64 })
})

test('what is asked for and what the model fixes stays', () => {
  expect(textsWithin(whole, 3e5, undefined, 1000)).toMatchObject({ count: 1000, length: 64 })
  expect(textsWithin({ length: 512, cached: false }, 3e5, 512)).toMatchObject({ count: 16, length: 512 })
})
