import { expect, test } from 'vitest'
import { channelAbsmax, channelMeans, channelMomentsObserver, channelSecondMoments } from './channel-moments.ts'

test('range, mean and second moment of each channel, whatever the batches', () => {
  const observer = channelMomentsObserver(1)
  // [2, 2, 3]: channel 0 holds 1 2 3 and -4 0 1, channel 1 holds the rest.
  const first = observer.observe(observer.empty(), Float32Array.of(1, 2, 3, 5, 5, 5, -4, 0, 1, -7, 0, 1), [2, 2, 3])
  const state = observer.observe(first, Float32Array.of(6, -1), [1, 2, 1])
  expect(state.count).toBe(7)
  expect([...state.min]).toEqual([-4, -7])
  expect([...state.max]).toEqual([6, 5])
  expect([...channelAbsmax(state)]).toEqual([6, 7])
  expect([...channelMeans(state)]).toEqual([9 / 7, 8 / 7])
  expect([...channelSecondMoments(state)]).toEqual([(1 + 4 + 9 + 16 + 1 + 36) / 7, (75 + 49 + 1 + 1) / 7])
})

test('the greatest floats have finite squares', () => {
  const observer = channelMomentsObserver(0)
  const { squares } = observer.observe(observer.empty(), Float32Array.of(3.4e38, -3.4e38), [1, 2])
  expect(Number.isFinite(squares[0])).toBe(true)
})

test('an axis that the shape has not, and a length that changes', () => {
  const observer = channelMomentsObserver(1)
  const usage = expect.objectContaining({ code: 'E_USAGE' })
  expect(() => observer.observe(observer.empty(), Float32Array.of(1, 2), [2])).toThrow(usage)
  const state = observer.observe(observer.empty(), Float32Array.of(1, 2), [1, 2])
  expect(() => observer.observe(state, Float32Array.of(1, 2, 3), [1, 3])).toThrow(usage)
})
