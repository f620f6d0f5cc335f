import { expect, test } from 'vitest'
import { observerContract } from '../../../test/contracts/observer.ts'
import { alignedHistogramObserver } from './aligned-histogram.ts'
import { channelMinMaxObserver } from './channel-min-max.ts'
import { channelMomentsObserver } from './channel-moments.ts'
import { minMaxObserver } from './min-max.ts'
import { batchRangesObserver } from './moving-average.ts'
import { torchHistogramObserver } from './torch-histogram.ts'

observerContract('min-max', minMaxObserver, { anyOrder: true })
observerContract('batch ranges', batchRangesObserver)
observerContract('channel min-max', channelMinMaxObserver(-1), {
  anyOrder: true,
  multiple: 3,
  shape: (count) => [count / 3, 3],
})
observerContract('channel moments', channelMomentsObserver(-1), {
  associative: false,
  multiple: 3,
  shape: (count) => [count / 3, 3],
})
observerContract('aligned histogram', alignedHistogramObserver(16), { anyOrder: true })
observerContract('torch histogram', torchHistogramObserver(16), { associative: false, largest: 2 ** 100 })

test('the torch histogram refuses a range that f32 cannot cut', () => {
  const observer = torchHistogramObserver()
  expect(() => observer.observe(observer.empty(), Float32Array.of(-3e38, 3e38), [2])).toThrow(
    expect.objectContaining({ code: 'E_LIMIT' }),
  )
})

test('bins are as fine as the range allows, and every value is in its own', () => {
  const observer = alignedHistogramObserver(8)
  const values = Float32Array.of(-3, -0.25, 0, 0.5, 0.75, 2.9)
  const { exponent, counts, min, max } = observer.observe(observer.empty(), values, [6])
  expect(exponent).toBe(0)
  expect([...counts]).toEqual([0, 1, 0, 1, 3, 0, 1, 0])
  expect([min, max]).toEqual([-3, Math.fround(2.9)])
})

test('an end on the edge: the lowest bin starts there, the highest ends there', () => {
  const observer = alignedHistogramObserver(8)
  expect(observer.observe(observer.empty(), Float32Array.of(-4), [1]).exponent).toBe(0)
  expect(observer.observe(observer.empty(), Float32Array.of(4), [1]).exponent).toBe(1)
})

test('the greatest and the least floats', () => {
  const observer = alignedHistogramObserver()
  const values = Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38, 1e-45)
  const { counts } = observer.observe(observer.empty(), values, [3])
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3)
  const least = observer.observe(observer.empty(), Float32Array.of(1e-45), [1])
  expect([least.exponent, least.counts[2048 + 1]]).toEqual([-149, 1])
})
