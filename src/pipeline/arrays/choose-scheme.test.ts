import { expect, it } from 'vitest'
import { chooseScheme } from './choose-scheme.ts'

const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 1.3) * (1 + ((i * i) % 7)))

it('takes the least error within the budget, and shows the curve', () => {
  const schemes = [
    'int8-row',
    'int4-block32',
    'int4-block32-f16',
    'int2-block16-signed-f16',
    'nf4-block64',
    'ternary-row',
  ]
  const choice = chooseScheme(values, { bits: 4.6, schemes })
  expect(choice.point.rate).toBeLessThanOrEqual(4.6)
  expect(choice.curve.points.length).toBe(6)
  const others = choice.curve.points.filter(({ rate }) => rate <= 4.6)
  expect(others.length).toBeGreaterThan(2)
  for (const other of others) expect(other.distortion).toBeGreaterThanOrEqual(choice.point.distortion)
  expect(chooseScheme(values, { bits: 9, schemes }).scheme).toBe('int8-row')
})

it('tries members of every family when none are named', () => {
  const { curve } = chooseScheme(values.subarray(0, 64), { bits: 5 })
  expect(curve.points.length).toBeGreaterThan(20)
  expect(curve.front.length).toBeGreaterThan(3)
})

it('says when the budget is too small', () => {
  expect(() => chooseScheme(values, { bits: 0.5, schemes: ['int8-row'] })).toThrow(/int8-row takes 8.06/)
  expect(() => chooseScheme(values, { bits: 0 })).toThrow(/budget/)
  expect(() => chooseScheme([], { bits: 4 })).toThrow(/none/)
})
