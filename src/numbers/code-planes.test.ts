import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codePlanes, packPlanes, unpackPlanes } from './code-planes.ts'

test('what is packed comes back, for any number of levels', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 256 }), fc.array(fc.nat(255), { maxLength: 70 }), (levels, drawn) => {
      const numbers = Uint8Array.from(drawn, (one) => one % levels)
      expect(unpackPlanes(packPlanes(numbers, levels), numbers.length, levels)).toEqual(numbers)
    }),
  )
})

test('planes by the number of levels', () => {
  const shape = (levels: number): readonly number[] => codePlanes(levels).map(({ perByte }) => perByte)
  expect([2, 3, 4, 5, 8, 16, 17, 33, 65, 129].map(shape)).toEqual([
    ...[[8], [5], [4], [4, 8], [4, 8], [2], [2, 8], [2, 4], [2, 4, 8], [1]],
  ])
})
