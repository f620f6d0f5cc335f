import { describe, expect, it } from 'vitest'
import type { Feeds, Sample, SessionInput, Value } from '../../model/runtime.ts'
import { batchOf } from './batch-feeds.ts'

const ids = (values: readonly number[]): Value => ({
  dtype: 'i64',
  shape: [1, values.length],
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
})
const numbers = ({ data }: Value): number[] => Array.from(new BigInt64Array((data as Uint8Array).buffer), Number)
const input = (name: string, shape: SessionInput['shape'] = ['N', 'S'], dtype: SessionInput['dtype'] = 'i64') => ({
  name,
  dtype,
  shape,
})
const sample = (tokens: readonly number[], more: Feeds = {}): Sample => ({
  label: `${tokens.length}`,
  feeds: { input_ids: ids(tokens), attention_mask: ids(tokens.map(() => 1)), ...more },
})
const INPUTS = [input('input_ids'), input('attention_mask')]

describe('texts as one batch', () => {
  it('filled up with the last id, where the mask says nothing is', () => {
    const batch = batchOf([sample([5, 6, 7]), sample([8])], INPUTS)!
    expect(batch.lengths).toEqual([1, 3])
    expect(batch.feeds.input_ids!.shape).toEqual([2, 3])
    expect(numbers(batch.feeds.input_ids!)).toEqual([8, 8, 8, 5, 6, 7])
    expect(numbers(batch.feeds.attention_mask!)).toEqual([1, 0, 0, 1, 1, 1])
  })

  it('shortest, longest and some between; empty states one under the other', () => {
    const state: Value = { dtype: 'f32', shape: [1, 2, 0, 4], data: new Uint8Array(0) }
    const samples = Array.from({ length: 20 }, (_, i) =>
      sample(
        Array.from({ length: i + 1 }, () => 3),
        { past: state },
      ),
    )
    const batch = batchOf(samples, [...INPUTS, input('past', ['N', 2, 'P', 4], 'f32')])!
    expect(batch.samples).toHaveLength(6)
    expect([batch.lengths[0], batch.lengths[5]]).toEqual([1, 20])
    expect(batch.feeds.past!.shape).toEqual([6, 2, 0, 4])
  })

  it.each([
    ['one text', [sample([1, 2])], INPUTS],
    ['a fixed batch', [sample([1]), sample([2, 3])], [input('input_ids', [1, 'S']), input('attention_mask', [1, 'S'])]],
    [
      'a fixed length',
      [sample([1, 2]), sample([2, 3])],
      [input('input_ids', ['N', 2]), input('attention_mask', ['N', 2])],
    ],
    ['an input without a batch', [sample([1]), sample([2, 3])], [...INPUTS, input('flag', [], 'bool')]],
    ['no ids', [sample([1]), sample([2, 3])], [input('x', ['N', 3], 'f32')]],
    ['an input of which values are missing', [sample([1]), sample([2, 3])], [...INPUTS, input('other', ['N'], 'f32')]],
  ])('%s is left alone', (_, samples, inputs) => {
    expect(batchOf(samples, inputs as readonly SessionInput[])).toBeUndefined()
  })
})
