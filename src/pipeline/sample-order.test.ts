import { expect, test } from 'vitest'
import type { Value } from '../model/runtime.ts'
import type { GivenState } from './carried-states.ts'
import { orderWatch } from './sample-order.ts'

const f32 = (...values: number[]): Value => ({
  dtype: 'f32',
  shape: [1, values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const state = (name: string, certain: boolean): GivenState => ({ input: name, output: `${name}_out`, certain })

/** Per sample the state that is given, and the one that float gives. */
function watched(steps: readonly (readonly [Value, Value])[], certain = true) {
  const watch = orderWatch([state('h', certain)])
  for (const [given, answer] of steps) watch.see({ label: '', feeds: { h: given } }, { h_out: answer })
  return watch
}

const orderOf = (...asked: Parameters<typeof watched>) => watched(...asked).order()

const chain = [1, 2, 3, 4, 5].map((one): [Value, Value] => [f32(one), f32(one + 1)])

test('states that follow from the sample before, to rounding', () => {
  expect(orderOf(chain)).toEqual({ states: [state('h', true)], starts: new Set([0]), steps: 4, apart: false })
  const near = chain.map(([given, answer]): [Value, Value] => [given, f32(...floats(answer).map((x) => x * 1.001))])
  expect(orderOf(near)).toMatchObject({ steps: 4, apart: false })
})

test('zeros begin a sequence, and a jump begins one again', () => {
  const two = [...chain, [f32(0), f32(1)] as const, ...chain]
  expect(orderOf(two)).toMatchObject({ starts: new Set([0, 5]), steps: 9, apart: false })
  expect(orderOf([...chain, [f32(50), f32(51)], [f32(51), f32(52)]])).toMatchObject({
    starts: new Set([0, 5]),
    steps: 5,
  })
})

test('states here and there out of a sequence: only what is a state by its name goes along', () => {
  const every = [1, 5, 9, 13].map((one): [Value, Value] => [f32(one), f32(one + 1)])
  expect(orderOf(every)).toMatchObject({ starts: new Set([0]), steps: 3, apart: true })
  expect(orderOf(every, false)).toBeUndefined()
  expect(orderOf(chain, false)).toMatchObject({ steps: 4, apart: false })
})

test('zeros for every sample say that each stands for itself', () => {
  expect(orderOf([0, 0, 0].map(() => [f32(0), f32(1)]))).toBeUndefined()
  expect(orderOf([])).toBeUndefined()
})

test('a cache that grows follows where it has the size of what float gave', () => {
  const grown = [
    [f32(1), f32(1, 2)],
    [f32(1, 2), f32(1, 2, 3)],
    [f32(1, 2, 3), f32(1, 2, 3, 4)],
  ] as const
  expect(orderOf(grown, false)).toMatchObject({ steps: 2, apart: false })
  const rest = [
    [f32(1), f32(1, 2)],
    [f32(1), f32(1, 2)],
    [f32(7, 8), f32(1, 2, 3)],
  ] as const
  expect(orderOf(rest, false)).toBeUndefined()
})

test('made-up samples are one sequence, where states keep their size', () => {
  const zeros = [0, 0, 0].map((): [Value, Value] => [f32(0), f32(1)])
  expect(watched(zeros).madeUp()).toMatchObject({ starts: new Set([0]), steps: 2, apart: true })
  expect(watched(zeros.slice(1, 2)).madeUp()).toBeUndefined()
  expect(watched([...zeros, [f32(0), f32(1, 2)]]).madeUp()).toBeUndefined()
  expect(watched([]).madeUp()).toBeUndefined()
})

function floats({ data }: Value): number[] {
  return [...new Float32Array((data as Uint8Array).slice().buffer)]
}
