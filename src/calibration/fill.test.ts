import { describe, expect, it } from 'vitest'
import type { SessionInput, Value } from '../model/runtime.ts'
import { floatsOf, integersOf, packIntegers } from './convert.ts'
import { fillInputs } from './fill.ts'

const ids: SessionInput = { name: 'input_ids', dtype: 'i64', shape: ['N', 'S'] }
const given: Record<string, Value> = {
  input_ids: { dtype: 'i64', shape: [1, 3], data: packIntegers([5, 6, 7], 'i64') },
}
const bindings = new Map([
  ['N', 1],
  ['S', 3],
])
const numbers = (value: Value | undefined) =>
  value!.dtype.startsWith('f') ? [...floatsOf(value!)] : Array.from(integersOf(value!) as ArrayLike<number>, Number)

describe('filling inputs', () => {
  const table: [string, SessionInput, number[], number[], string][] = [
    ['mask', { name: 'attention_mask', dtype: 'i64', shape: ['N', 'S'] }, [1, 3], [1, 1, 1], 'attention_mask: ones'],
    [
      'mask of unnamed axes',
      { name: 'attention_mask', dtype: 'f32', shape: [null, null] },
      [1, 3],
      [1, 1, 1],
      'attention_mask: ones',
    ],
    [
      'segments',
      { name: 'token_type_ids', dtype: 'i32', shape: ['N', 'S'] },
      [1, 3],
      [0, 0, 0],
      'token_type_ids: zeros',
    ],
    [
      'positions',
      { name: 'position_ids', dtype: 'i64', shape: ['N', 'S'] },
      [1, 3],
      [0, 1, 2],
      'position_ids: 0, 1, 2 ...',
    ],
    ['state', { name: 'state', dtype: 'f32', shape: [2, null, 2] }, [2, 1, 2], [0, 0, 0, 0], 'state: zeros'],
    ['half state', { name: 'h0', dtype: 'f16', shape: [1, 'N', 2] }, [1, 1, 2], [0, 0], 'h0: zeros'],
    [
      'empty past',
      { name: 'past_key_values.0.key', dtype: 'f32', shape: ['N', 2, 'past_len', 4] },
      [1, 2, 0, 4],
      [],
      'past_key_values.0.key: zeros',
    ],
    [
      'mask over the past',
      { name: 'attention_mask', dtype: 'i64', shape: ['N', 'past_len + S'] },
      [1, 3],
      [1, 1, 1],
      'attention_mask: ones',
    ],
    ['rate', { name: 'sr', dtype: 'i64', shape: [] }, [], [16000], 'sr: 16000'],
    ['flag', { name: 'use_cache_branch', dtype: 'bool', shape: [1] }, [1], [0], 'use_cache_branch: false'],
    ['lengths', { name: 'x_lens', dtype: 'i64', shape: ['N'] }, [1], [3], 'x_lens: the full length'],
  ]
  it.each(table)('%s', (_, input, shape, values, says) => {
    const { feeds, filled } = fillInputs('a', given, [ids, input], bindings)
    expect(feeds[input.name]).toMatchObject({ dtype: input.dtype, shape })
    expect(numbers(feeds[input.name])).toEqual(values)
    expect(filled).toEqual([says])
    expect(feeds.input_ids).toBe(given.input_ids)
  })

  it('never makes up what carries the data', () => {
    const picture: SessionInput = { name: 'image', dtype: 'f32', shape: [1, 3, 8, 8] }
    expect(() => fillInputs('a.npz', given, [ids, picture], bindings)).toThrow('a.npz: no values for input "image"')
  })
})
