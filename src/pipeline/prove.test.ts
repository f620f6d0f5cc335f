import { expect, test } from 'vitest'
import type { Feeds, RuntimeSession, Sample, Value } from '../model/runtime.ts'
import { compareWith, type Evidence, judgedCount, runFloat } from './prove.ts'

const f32 = (...values: number[]): Value => ({
  dtype: 'f32',
  shape: [1, values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const numbers = (value: Value | undefined) => new Float32Array((value!.data as Uint8Array).slice().buffer)
const tools = { notify: () => undefined } as never

/** y = h_out = x + h, and a model that adds a little more each time. */
function adder(more: number): RuntimeSession {
  return {
    inputs: [],
    outputs: ['y', 'h_out'],
    run: async (feeds: Feeds) => {
      const sum = numbers(feeds.x)[0]! + numbers(feeds.h)[0]! + more
      return { y: f32(sum, 1), h_out: f32(sum) }
    },
    release: async () => undefined,
  }
}
const samples: Sample[] = [1, 2, 3, 4].map((x) => ({ label: `${x}`, feeds: { x: f32(x), h: f32(0) } }))
const base: Evidence = { data: 'given', samples, found: 4, filled: [] }
const states = [{ input: 'h', output: 'h_out' }]

test('without states to carry, every sample is for itself', async () => {
  const run = await runFloat(adder(0), base, tools)
  expect(run.results.map(({ y }) => numbers(y)[0])).toEqual([1, 2, 3, 4])
})

test('each model carries its own states along the sequence', async () => {
  const run = await runFloat(adder(0), { ...base, states }, tools)
  expect(run.results.map(({ y }) => numbers(y)[0])).toEqual([1, 3, 6, 10])
  const [y, h] = await compareWith(adder(0.5), run, {}, '', tools)
  // Errors of half a unit add up: 4 x 0.5 at the end.
  expect(y).toMatchObject({ name: 'y', samples: 4, maxAbs: 2 })
  expect(h).toMatchObject({ name: 'h_out', carried: true })
})

test('what only brings the states to the others is run and not judged', async () => {
  const evidence: Evidence = { ...base, states, unjudged: new Set([0, 1, 2]) }
  expect(judgedCount(evidence)).toBe(1)
  const run = await runFloat(adder(0), evidence, tools)
  const seen: string[] = []
  const watcher = { add: ({ label }: Sample) => void seen.push(label) }
  const [y] = await compareWith(adder(0.5), run, {}, '', tools, [watcher])
  expect(y).toMatchObject({ samples: 1, maxAbs: 2 })
  expect(seen).toEqual(['4'])
})
