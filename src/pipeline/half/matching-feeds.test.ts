import { expect, test } from 'vitest'
import type { RuntimeSession, Value } from '../../model/runtime.ts'
import { matchingSample } from './matching-feeds.ts'

const session = (dtype: 'f32' | 'f16' | 'i64') =>
  ({ inputs: [{ name: 'x', dtype, shape: [2] }], outputs: [] }) as unknown as RuntimeSession
const singles: Value = { dtype: 'f32', shape: [2], data: new Uint8Array(Float32Array.of(1, -0.5).buffer) }
const halves: Value = { dtype: 'f16', shape: [2], data: new Uint8Array(Uint16Array.of(0x3c00, 0xb800).buffer) }

test('values go to the type that a session takes, there and back', () => {
  expect(matchingSample(session('f16'), { label: 's', feeds: { x: singles } }).feeds.x).toEqual(halves)
  expect(matchingSample(session('f32'), { label: 's', feeds: { x: halves } }).feeds.x).toEqual(singles)
})

test('what fits, or is no float, stays the sample itself', () => {
  const sample = { label: 's', feeds: { x: singles } }
  expect(matchingSample(session('f32'), sample)).toBe(sample)
  expect(matchingSample(session('i64'), sample)).toBe(sample)
})
