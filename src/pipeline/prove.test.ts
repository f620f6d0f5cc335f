import { expect, test } from 'vitest'
import type { Feeds, RuntimeSession, Sample, Value } from '../model/runtime.ts'
import { type Evidence, judgedCount } from './evidence.ts'
import { compareWith, runFloat } from './prove.ts'
import { compareStates } from './states-compared.ts'

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

test('states that the data give: once more on states of its own', async () => {
  const sure = states.map((pair) => ({ ...pair, certain: true }))
  const given: Sample[] = [0, 1, 3, 6].map((h, i) => ({ label: `${i}`, feeds: { x: f32(i + 1), h: f32(h) } }))
  const run = await runFloat(adder(0), { ...base, samples: given, given: sure }, tools)
  expect(run.order).toMatchObject({ steps: 3, apart: false })
  const [step] = await compareWith(adder(0.5), run, {}, '', tools)
  expect(step).toMatchObject({ name: 'y', samples: 4, maxAbs: 0.5 })
  const compared = await compareStates(adder(0.5), run, {}, tools)
  expect(compared).toMatchObject({ whose: 'own', steps: 3, outputs: [{ name: 'y', maxAbs: 2 }, { carried: true }] })
})

test('states of the data that do not follow: float, too, runs on states of its own', async () => {
  const sure = states.map((pair) => ({ ...pair, certain: true }))
  const given: Sample[] = [0, 10, 30, 60].map((h, i) => ({ label: `${i}`, feeds: { x: f32(i + 1), h: f32(h) } }))
  const evidence: Evidence = { ...base, samples: given, given: sure, unjudged: new Set([0, 1]) }
  const run = await runFloat(adder(0), evidence, tools)
  expect(run.results.map(({ y }) => y && numbers(y)[0])).toEqual([undefined, undefined, 33, 64])
  expect(run.own?.map(({ y }) => y && numbers(y)[0])).toEqual([undefined, undefined, 6, 10])
  const compared = await compareStates(adder(0.5), run, {}, tools)
  expect(compared).toMatchObject({ steps: 3, outputs: [{ samples: 2, maxAbs: 2 }, {}] })
})

test('states that each model carries: once more on those of float', async () => {
  const run = await runFloat(adder(0), { ...base, states, unjudged: new Set([0]) }, tools)
  const compared = await compareStates(adder(0.5), run, {}, tools)
  expect(compared).toMatchObject({
    whose: 'float',
    steps: 3,
    outputs: [{ samples: 3, maxAbs: 0.5 }, { carried: true }],
  })
  expect(await compareStates(adder(0.5), await runFloat(adder(0), base, tools), {}, tools)).toBeUndefined()
})
