import { expect, test } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { stateCarrier } from './carried-states.ts'

const value = (shape: number[], dtype: Value['dtype'] = 'f32'): Value => ({ dtype, shape, data: new Uint8Array(4) })
const sample = (feeds: Record<string, Value>) => ({ label: '', feeds })

test('states go from sample to sample, and nothing else does', () => {
  const carrier = stateCarrier([{ input: 'h', output: 'h_out' }])
  const [zero, later, x] = [value([1, 2]), value([1, 2]), value([3])]
  expect(carrier.feeds(sample({ x, h: zero }))).toEqual({ x, h: zero })
  carrier.after({ y: x, h_out: later })
  const fed = carrier.feeds(sample({ x, h: zero }))
  expect(fed.h).toBe(later)
  expect(fed.x).toBe(x)
  expect(carrier.feeds(sample({ x })).h).toBe(later)
})

test('a state of another shape or type starts again as the sample says', () => {
  const carrier = stateCarrier([{ input: 'h', output: 'h_out' }])
  carrier.after({ h_out: value([2, 2]) })
  const own = value([1, 2])
  expect(carrier.feeds(sample({ h: own })).h).toBe(own)
  const half = value([2, 2], 'f16')
  expect(carrier.feeds(sample({ h: half })).h).toBe(half)
})

test('without states every sample stands for itself', () => {
  const feeds = { x: value([1]) }
  const carrier = stateCarrier()
  carrier.after({ h_out: value([1]) })
  expect(carrier.feeds(sample(feeds))).toBe(feeds)
})
