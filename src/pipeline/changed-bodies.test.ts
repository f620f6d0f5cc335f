import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, f32, graph, i64, node, value } from '../../test/fixtures/build.ts'
import { gaussian } from '../../test/fixtures/distribution.ts'
import { runOnnx } from '../../test/fixtures/run-onnx.ts'
import type { SampleSet } from '../calibration/index.ts'
import { bodyStatistics, bodyValueKey } from '../graph/bodies/index.ts'
import { applyEdits, removeDead } from '../graph/index.ts'
import { insertPairs } from '../graph/lowerings/index.ts'
import { gridOf, placeActivations, staticWeight } from '../graph/placement/index.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Placement } from '../model/activation.ts'
import type { Model, TensorRef } from '../model/graph.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import { type OrtModule, ortRuntime } from '../runtime/ort.ts'
import { ortNodeCpu } from '../targets/ort-node-cpu.ts'
import { bodySamples } from './body-samples.ts'
import { collectWith } from './calibrate.ts'
import { changeBodies, preparedBodies } from './changed-bodies.ts'
import { MemorySessions } from './model-sessions.ts'
import { readSmall } from './tensor-bytes.ts'

const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
const tools = { kernels: createKernelsSync(), notify: () => undefined }
const sessions = (): MemorySessions => new MemorySessions(runtime, tools)

const floats = (values: Float32Array, shape: readonly number[]): Value => {
  return { dtype: 'f32', shape, data: new Uint8Array(Float32Array.from(values).buffer) }
}
const setOf = (list: readonly Feeds[]): SampleSet => {
  const at = async (index: number) => ({ label: `sample ${index}`, feeds: list[index]! })
  return { count: list.length, found: list.length, at, skipped: [], filled: [], converted: [] }
}
const small = (length: number, seed: number) => gaussian(length, seed).map((one) => one / 4)
const convs = (seed: number) => [f32('k', [8, 4, 3], small(96, seed)), f32('b', [8], small(8, seed + 1))]
const branch = (seed: number, step: number) =>
  graph({
    outputs: [value('out')],
    initializers: [...convs(seed), f32('k2', [4, 8, 3], small(96, seed + 2))],
    nodes: [
      node('Mul', ['x', 'gain'], ['loud'], {}, { name: 'mul' }),
      node('Conv', ['loud', 'k', 'b'], ['c'], { pads: [1, 1] }, { name: 'first' }),
      node('Relu', ['c'], ['r']),
      node('Conv', ['r', 'k2'], ['out'], { pads: [1, 1], strides: [step] }, { name: 'second' }),
    ],
  })

/** y by the rate: two branches of two convolutions each, the shape of speech models that take two rates. */
const model = (): Model =>
  buildModel({
    inputs: [value('x', 'f32', [1, 4, 'n']), value('rate', 'i64', [])],
    outputs: [value('y', 'f32', [1, 4, null])],
    initializers: [i64('16k', [], [16000]), f32('gain', [], [2])],
    nodes: [
      node('Equal', ['rate', '16k'], ['fast']),
      node('If', ['fast'], ['y'], { then_branch: branch(1, 1), else_branch: branch(7, 2) }, { name: 'by-rate' }),
    ],
  })
const LIST = [3, 4, 5, 6].map((seed): Feeds => {
  const rate: Value = { dtype: 'i64', shape: [], data: new Uint8Array(BigInt64Array.of(16000n).buffer) }
  return { x: floats(gaussian(4 * 20, seed), [1, 4, 20]), rate }
})
const THEN = ['by-rate', 'then_branch']
const ELSE = ['by-rate', 'else_branch']

/** Pairs by extremes; products nothing is known of get their ranges at run time. */
async function quantized(body: Model, seen: Statistics): Promise<{ model: Model; placement: Placement }> {
  const place = (forms = new Map<string, 'dynamic'>()) => placeActivations(body, ortNodeCpu, { readSmall, forms })
  let placement = await place()
  const unseen = placement.products.filter(({ operands }) => operands.some((one) => !seen.values.has(one)))
  placement = await place(new Map(unseen.map(({ label }) => [label, 'dynamic'])))
  const grids = new Map(
    placement.points.map(({ value: name, group, bounds }) => {
      const { min, max } = seen.values.get(name)!
      return [group, gridOf(min, max, 'u8', bounds)]
    }),
  )
  const tensor = (name: string): TensorRef => body.graph.initializers.find((one) => one.name === name)!
  const values = async (name: string) => new Float32Array((await readSmall(tensor(name))).slice().buffer)
  const weights = new Map()
  const biases = new Map<string, Float32Array>()
  for (const { weight, bias } of placement.products) {
    if (weight) {
      const { name, shape, axis } = weight
      weights.set(name, staticWeight(tools.kernels, name, await values(name), shape, axis, { unsigned: true }))
    }
    if (bias) biases.set(bias, await values(bias))
  }
  const edits = insertPairs(body, placement, { grids, weights, biases })
  return { model: removeDead(applyEdits(body, edits)), placement }
}

const collect = (whole: Model, values: readonly string[], samples: SampleSet) =>
  collectWith(sessions(), { model: whole, values, samples, tools, axes: new Map() })

async function decibelsOf(before: Model, after: Model, feeds: Record<string, ort.Tensor>, optimized: boolean) {
  const [a, b] = [await runOnnx(before, feeds, optimized), await runOnnx(after, feeds, optimized)]
  const [wanted, found] = [a.y!.data as Float32Array, b.y!.data as Float32Array]
  expect(found.length).toBe(wanted.length)
  const energy = wanted.reduce((sum, one) => sum + one * one, 0)
  const error = wanted.reduce((sum, one, index) => sum + (one - found[index]!) ** 2, 0)
  return 10 * Math.log10(energy / error)
}

test('both branches of an If in integers: ranges of the one the data reach, at run time in the other', async () => {
  const prepared = await preparedBodies(model())
  expect(prepared.bodies.map(({ path }) => path)).toEqual([THEN, ELSE])
  const placements = await Promise.all(
    prepared.bodies.map(({ model: body }) => placeActivations(body, ortNodeCpu, { readSmall })),
  )
  const keys = prepared.bodies.flatMap(({ path }, index) =>
    placements[index]!.points.map((point) => bodyValueKey(path, point.value)),
  )
  const { statistics } = await collect(prepared.model, keys, setOf(LIST))
  expect(new Set(statistics.skipped.values())).toEqual(new Set(['the data never reach it']))
  const forms = new Map<string, readonly string[]>()
  const after = await changeBodies(prepared, async ({ path, key, model: body }) => {
    const made = await quantized(body, bodyStatistics(statistics, path))
    forms.set(
      key,
      made.placement.products.map(({ form }) => form),
    )
    return made.model
  })
  expect([...forms.values()]).toEqual([
    ['qdq', 'conv-integer'],
    ['dynamic', 'dynamic'],
  ])
  for (const rate of [16000n, 8000n]) {
    for (const optimized of [true, false]) {
      const x = new ort.Tensor('float32', gaussian(4 * 20, 11), [1, 4, 20])
      const feeds = { x, rate: new ort.Tensor('int64', [rate], []) }
      expect(await decibelsOf(model(), after, feeds, optimized)).toBeGreaterThan(30)
    }
  }
})

/** A state through a matrix, n times. */
const looping = buildModel({
  inputs: [value('x', 'f32', [1, 16]), value('n', 'i64', [])],
  outputs: [value('y', 'f32', [1, 16])],
  initializers: [f32('w', [16, 16], small(256, 3)), f32('extra', [16], small(16, 4))],
  nodes: [
    node('Tanh', ['x'], ['start']),
    node(
      'Loop',
      ['n', '', 'start'],
      ['y'],
      {
        body: graph({
          inputs: [value('i', 'i64', []), value('going', 'bool', []), value('state', 'f32', [1, 16])],
          outputs: [value('on', 'bool', []), value('next', 'f32', [1, 16])],
          nodes: [
            node('Identity', ['going'], ['on']),
            node('MatMul', ['state', 'w'], ['m']),
            node('Add', ['m', 'x'], ['sum']),
            node('Tanh', ['sum'], ['next']),
          ],
        }),
      },
      { name: 'steps' },
    ),
  ],
})
const n: Value = { dtype: 'i64', shape: [], data: new Uint8Array(BigInt64Array.of(5n).buffer) }
const LOOPS = setOf([1, 2, 3].map((seed) => ({ x: floats(gaussian(16, seed), [1, 16]), n })))

test('products of a Loop, by ranges over all its iterations', async () => {
  const prepared = await preparedBodies(looping)
  const [body] = prepared.bodies
  const key = bodyValueKey(body!.path, 'state')
  const { statistics } = await collect(prepared.model, [key], LOOPS)
  expect(statistics.values.get(key)!.count).toBe(3 * 5 * 16)
  const after = await changeBodies(prepared, async ({ path, model: own }) => {
    const made = await quantized(own, bodyStatistics(statistics, path))
    expect(made.placement.products.map(({ form }) => form)).not.toContain('stored')
    return made.model
  })
  const feeds = { x: new ort.Tensor('float32', gaussian(16, 9), [1, 16]), n: new ort.Tensor('int64', [5n], []) }
  for (const optimized of [true, false]) {
    expect(await decibelsOf(looping, after, feeds, optimized)).toBeGreaterThan(25)
  }
})

describe('samples of a branch', () => {
  test('are what it takes from outside in the samples that reach it', async () => {
    const { model: whole, bodies } = await preparedBodies(model())
    const [then, other] = bodies
    const slow: Feeds = {
      ...LIST[0]!,
      rate: { ...LIST[0]!.rate!, data: new Uint8Array(BigInt64Array.of(8000n).buffer) },
    }
    const given = setOf([slow, ...LIST.slice(0, 2)])
    const own = sessions()
    const { samples } = await bodySamples(whole, then!, given, own, tools)
    expect(samples!.count).toBe(2)
    const sample = await samples!.at(1)
    expect([sample.label, Object.keys(sample.feeds)]).toEqual(['sample 2', ['x']])
    expect(sample.feeds.x).toEqual(LIST[1]!.x)
    await own.close()
    // The body runs as a model of its own on them, and gives what the whole model gives.
    const x = new ort.Tensor(
      'float32',
      new Float32Array((sample.feeds.x!.data as Uint8Array).slice().buffer),
      [1, 4, 20],
    )
    const alone = await runOnnx(then!.model, { x }, true)
    const together = await runOnnx(model(), { x, rate: new ort.Tensor('int64', [16000n], []) }, true)
    expect(alone.out!.data).toEqual(together.y!.data)
    const none = sessions()
    expect((await bodySamples(whole, other!, setOf(LIST), none, tools)).reason).toBe('the data never reach it')
    await none.close()
  })

  test('are the iterations of a Loop: each run of the body gives the state of the next', async () => {
    const { model: whole, bodies } = await preparedBodies(looping)
    const own = sessions()
    const { samples } = await bodySamples(whole, bodies[0]!, LOOPS, own, tools)
    expect(samples!.count).toBe(3 * 5)
    const [one, next] = [await samples!.at(6), await samples!.at(7)]
    await own.close()
    expect(one.label).toBe('sample 1, iteration 2')
    expect(Object.keys(one.feeds).sort()).toEqual(['going', 'i', 'state', 'x'])
    expect([...(one.feeds.i!.data as Uint8Array)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
    expect(one.feeds.x).toEqual((await LOOPS.at(1)).feeds.x)
    const state = (from: Feeds) => new Float32Array((from.state!.data as Uint8Array).slice().buffer)
    const numbers = (from: Feeds) => new ort.Tensor('float32', state(from), [1, 16])
    const x = new ort.Tensor('float32', new Float32Array((one.feeds.x!.data as Uint8Array).slice().buffer), [1, 16])
    const feeds = { x, state: numbers(one.feeds), going: new ort.Tensor('bool', [true], []) }
    const given = await runOnnx(bodies[0]!.model, { ...feeds, i: new ort.Tensor('int64', [1n], []) }, false)
    expect(given.next!.data).toEqual(state(next.feeds))
  })

  test('or why there are none', async () => {
    const body = graph({
      inputs: [value('i', 'i64', []), value('going', 'bool', []), value('s', 'f32', ['rows', 2])],
      outputs: [value('going', 'bool', []), value('t', 'f32', ['rows', 2])],
      nodes: [node('MatMul', ['s', 'w'], ['t'])],
    })
    const odd = graph({ outputs: [value('u')], nodes: [node('MatMul', ['strange', 'w'], ['u'])] })
    const built = buildModel({
      inputs: [value('x', 'f32', [1, 2]), value('n', 'i64', []), value('flag', 'bool', [])],
      outputs: [value('y')],
      domains: { other: 1 },
      initializers: [f32('w', [2, 2], [1, 2, 3, 4])],
      nodes: [
        node('Loop', ['n', '', 'x'], ['z'], { body }),
        node('Odd', ['z'], ['strange'], {}, { domain: 'other' }),
        node('If', ['flag'], ['y'], { then_branch: odd, else_branch: odd }),
      ],
    })
    const { model: whole, bodies } = await preparedBodies(built)
    const own = sessions()
    const reasons = await Promise.all(bodies.map((one) => bodySamples(whole, one, setOf(LIST), own, tools)))
    expect(reasons.map(({ reason }) => reason).slice(0, 2)).toEqual([
      'it runs more than once for a sample, and the shape of "s" is open',
      '"strange" is of unknown type',
    ])
  })
})
