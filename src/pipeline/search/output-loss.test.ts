import { expect, test } from 'vitest'
import type { Feeds, Sample, Value } from '../../model/runtime.ts'
import { OutputLoss } from './output-loss.ts'

const f32 = (shape: number[], values: readonly number[]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const i64 = (shape: number[], values: readonly number[]): Value => ({
  dtype: 'i64',
  shape,
  data: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
})
const sample = (feeds: Feeds): Sample => ({ label: 's', feeds })

test('scores of words: divergence', () => {
  const loss = new OutputLoss(['logits'], { vocabulary: 4 })
  loss.add(
    sample({ input_ids: i64([1, 2], [1, 2]) }),
    { logits: f32([1, 2, 4], [0, 0, 0, 0, 0, 0, 0, 0]) },
    { logits: f32([1, 2, 4], [1, 0, 0, 0, 0, 0, 0, 0]) },
  )
  const { loss: value, metric } = loss.value()
  expect(metric).toBe('kl')
  // ln((e + 3) / 4) - 1 / 4 for the first row, 0 for the second.
  expect(value).toBeCloseTo((Math.log((Math.E + 3) / 4) - 0.25) / 2, 6)
})

test('tokens under a mask: one minus the cosine of their means; padding counts for nothing', () => {
  const width = 16
  const token = (at: number, size = 1): number[] => Array.from({ length: width }, (_, i) => (i === at ? size : 0))
  const feeds = { input_ids: i64([1, 3], [5, 6, 0]), attention_mask: i64([1, 3], [1, 1, 0]) }
  const loss = new OutputLoss(['last_hidden_state'], {})
  const float = { last_hidden_state: f32([1, 3, width], [...token(0), ...token(0), ...token(3)]) }
  loss.add(sample(feeds), float, {
    last_hidden_state: f32([1, 3, width], [...token(0), ...token(1), ...token(9, 100)]),
  })
  const { loss: value, metric } = loss.value()
  expect(metric).toBe('embedding cosine')
  expect(value).toBeCloseTo(1 - Math.SQRT1_2, 6)
})

test('other values: noise relative to energy; what is not finite is worse than any noise', () => {
  const of = (values: readonly number[]): number => {
    const loss = new OutputLoss(['y'], {})
    loss.add(sample({ x: f32([1], [1]) }), { y: f32([2, 2, 1, 1], [1, 2, 2, 4]) }, { y: f32([2, 2, 1, 1], values) })
    return loss.value().loss
  }
  expect(of([1, 2, 2, 9])).toBeCloseTo(1, 6)
  expect(of([1, 2, 2, 4])).toBe(0)
  expect(of([1, 2, 2, Number.NaN])).toBe(1e6)
})
