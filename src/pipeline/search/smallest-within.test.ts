import { expect, test } from 'vitest'
import type { Allocation } from '../../allocation/allocate.ts'
import { smallestWithin } from './smallest-within.ts'

const choices = Array.from({ length: 12 }, (_, g) => [
  { id: 'int2', bytes: 200 + g, loss: 0.1 },
  { id: 'int4', bytes: 400 + g, loss: 0.01 },
  { id: 'int8', bytes: 800 + g, loss: 0.0001 },
  { id: 'keep', bytes: 3200 + g, loss: 0 },
])
const [least, largest] = [200 * 12 + 66, 3200 * 12 + 66]

test('halves its way to the smallest that loses no more, and tries few', async () => {
  let tried = 0
  // Wholes lose more than the sum of their parts.
  const lossOf = async ({ loss }: Allocation): Promise<number> => {
    tried++
    return loss * 1.3
  }
  const found = await smallestWithin(choices, least, largest, 0.2, lossOf)
  expect(found.loss * 1.3).toBeLessThanOrEqual(0.2)
  expect(found.bytes).toBeLessThan(12 * 420)
  expect(tried).toBeLessThan(10)
})

test('the smallest of all where that is good enough, nothing quantized where nothing else is', async () => {
  expect((await smallestWithin(choices, least, largest, 2, async ({ loss }) => loss)).bytes).toBe(least)
  const found = await smallestWithin(choices, least, largest, 0, async ({ loss }) => loss)
  expect(found.chosen.every((index) => index === 3)).toBe(true)
})
