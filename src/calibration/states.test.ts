import { expect, test } from 'vitest'
import { cacheOutputs, cachePairs, statePairs } from './states.ts'

type Shape = readonly (number | string | null)[]
const pairs = (inputs: readonly (readonly [string, Shape])[], outputs: readonly (readonly [string, Shape])[]) =>
  statePairs(
    inputs.map(([name, shape]) => ({ name, dtype: 'f32' as const, shape })),
    outputs.map(([name, shape]) => ({ name, dtype: 'f32', shape })),
  ).map(({ input, output }) => `${input} <- ${output}`)

const S: Shape = [2, 1, 128]

test.each([
  ['state', 'stateN'],
  ['h', 'hn'],
  ['h0', 'hn'],
  ['h0', 'h0_out'],
  ['conv_cache', 'conv_cache_out'],
  ['cache_in', 'cache_out'],
  ['input_h', 'output_h'],
  ['prev_state', 'new_state'],
  ['stateIn', 'stateOut'],
  ['past.0.value', 'present.0.value'],
])('%s goes on as %s', (input, output) => {
  expect(pairs([[input, S]], [[output, S]])).toEqual([`${input} <- ${output}`])
})

test.each([
  ['input', 'output'],
  ['x', 'y'],
  ['index', 'dexter'],
  ['states', 'logits'],
])('%s and %s have nothing to do with each other', (input, output) => {
  expect(pairs([[input, S]], [[output, S]])).toEqual([])
})

test('several states keep apart', () => {
  expect(
    pairs(
      [
        ['ids', [1, 1]],
        ['h0', S],
        ['c0', S],
        ['h1', S],
        ['c1', S],
      ],
      [
        ['logits', [1, 65]],
        ['h0_out', S],
        ['c0_out', S],
        ['h1_out', S],
        ['c1_out', S],
      ],
    ),
  ).toEqual(['h0 <- h0_out', 'c0 <- c0_out', 'h1 <- h1_out', 'c1 <- c1_out'])
})

test('shapes decide: caches that grow are no states, open dimensions may agree', () => {
  const past = 'past_key_values.0.key'
  const present = 'present.0.key'
  expect(pairs([[past, [1, 8, 'past', 64]]], [[present, [1, 8, 'past + sequence', 64]]])).toEqual([])
  expect(pairs([[past, [1, 8, 16, 64]]], [[present, [1, 8, 17, 64]]])).toEqual([])
  expect(pairs([['state', [2, null, 128]]], [['stateN', [2, 'batch', 128]]])).toEqual(['state <- stateN'])
  expect(pairs([['state', S]], [['stateN', [2, 128]]])).toEqual([])
})

test('what fits twice is not guessed, and types decide', () => {
  expect(
    pairs(
      [['h', S]],
      [
        ['hn', S],
        ['h_out', S],
      ],
    ),
  ).toEqual([])
  const [input, output] = [
    { name: 'state', dtype: 'f32' as const, shape: S },
    { name: 'stateN', dtype: 'f16', shape: S },
  ]
  expect(statePairs([input], [output])).toEqual([])
})

test('caches that grow are known by name, with and without an input for them', () => {
  const past = { name: 'past_key_values.0.key', dtype: 'f32', shape: ['B', 4, 'P', 8] }
  const outputs = [
    { name: 'logits', dtype: 'f32', shape: ['B', 'S', 512] },
    { name: 'present.0.key', dtype: 'f32', shape: ['B', 4, 'P + S', 8] },
    { name: 'updated_kv', dtype: 'f32', shape: [2, 'B', 'P + S', 8] },
    { name: 'presence', dtype: 'f32', shape: ['B', 2] },
  ]
  expect(cacheOutputs([past], outputs)).toEqual(['present.0.key'])
  expect(cacheOutputs([], outputs)).toEqual(['present.0.key'])
  const kv = { name: 'kv', dtype: 'f32', shape: [2, 'B', 'P', 8] }
  expect(cacheOutputs([kv], outputs)).toEqual(['present.0.key', 'updated_kv'])
  const state = { name: 'conv_cache', dtype: 'f32', shape: [2, 'B', 16, 33] }
  expect(cacheOutputs([state], [{ ...state, name: 'conv_cache_out' }])).toEqual([])
  const unknown = { ...state, shape: [2, null, 16, 33] }
  expect(cacheOutputs([unknown], [{ ...unknown, name: 'conv_cache_out' }])).toEqual(['conv_cache_out'])
  const image = { name: 'input_image', dtype: 'f32', shape: ['B', 3, 64, 64] }
  expect(cacheOutputs([image], [{ ...image, name: 'output_image' }])).toEqual([])
})

test('caches that grow pair by name, what keeps its size is a state', () => {
  const cache = (name: string, shape: Shape) => ({ name, dtype: 'f32' as const, shape })
  const inputs = [0, 1].map((layer) => cache(`past_key_values.${layer}.key`, ['B', 4, 'P', 8]))
  const outputs = [0, 1].map((layer) => cache(`present.${layer}.key`, ['B', 4, 'P + S', 8]))
  expect(cachePairs([cache('ids', ['B', 'S']), ...inputs], outputs)).toEqual([
    { input: 'past_key_values.0.key', output: 'present.0.key' },
    { input: 'past_key_values.1.key', output: 'present.1.key' },
  ])
  expect(cachePairs([cache('conv_cache', S)], [cache('conv_cache_out', S)])).toEqual([])
  expect(cachePairs(inputs, [cache('present.0.key', ['B', 8])])).toEqual([])
})
