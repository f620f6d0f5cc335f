import * as ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { buildModel, f32, graph, node, value } from '../../../test/fixtures/build.ts'
import { gaussian } from '../../../test/fixtures/distribution.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds } from '../../model/runtime.ts'
import { type OrtModule, ortRuntime } from '../../runtime/ort.ts'
import { MemorySessions } from '../model-sessions.ts'
import { tappedModel } from '../tapped-model.ts'
import { KeptPrefix } from './kept-prefix.ts'
import { constantValues, ValueSignatures } from './value-signatures.ts'

const tools = { kernels: createKernelsSync(), notify: () => undefined }
const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')

/** x -> a (by w1) -> codes -> b (by w2) -> y = b + a w3, where w3 is a square of a constant. */
const modelOf = (w1: number, w2: number): Model =>
  buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [2, 4])],
    outputs: [value('y', 'f32', [2, 4])],
    initializers: [
      f32('w1', [4, 4], gaussian(16, w1)),
      f32('w2', [4, 4], gaussian(16, w2)),
      f32('root', [1], [3]),
      f32('scale', [], [0.05]),
      { name: 'zero', dtype: 'u8', shape: [], storage: { kind: 'bytes', bytes: Uint8Array.of(128), byteLength: 1 } },
    ],
    nodes: [
      node('MatMul', ['x', 'w1'], ['a']),
      node('QuantizeLinear', ['a', 'scale', 'zero'], ['codes']),
      node('DequantizeLinear', ['codes', 'scale', 'zero'], ['rounded']),
      node('MatMul', ['rounded', 'w2'], ['b']),
      node('Mul', ['root', 'root'], ['w3']),
      node('Mul', ['a', 'w3'], ['c']),
      node('Add', ['b', 'c'], ['y']),
    ],
  })

const SAMPLES = [1, 2, 3].map((seed): Feeds => {
  return { x: { dtype: 'f32', shape: [2, 4], data: new Uint8Array(gaussian(8, 10 + seed).buffer) } }
})

async function runAll(model: Model, feedsOf: (index: number) => Feeds): Promise<Feeds[]> {
  const sessions = new MemorySessions(runtime, tools)
  const session = await sessions.session('model', () => model)
  const results: Feeds[] = []
  for (const index of SAMPLES.keys()) results.push(await session.run(feedsOf(index)))
  await sessions.close()
  return results
}

async function step(prefix: KeptPrefix, graph: Model, moving: ReadonlySet<string> | Model, values: readonly string[]) {
  const copy = prefix.open(graph, moving, values)
  const results = await runAll(copy, (index) => prefix.feeds(index, SAMPLES[index]!))
  const all = results.map((one, index) => prefix.add(index, one))
  prefix.close()
  return { copy, picked: all.map((one) => values.map((name) => one[name])) }
}

async function wholeOf(graph: Model, values: readonly string[]) {
  const results = await runAll(tappedModel(graph, values), (index) => SAMPLES[index]!)
  return results.map((one) => values.map((name) => one[name]))
}

const opsOf = ({ graph }: Model) => graph.nodes.map(({ op }) => op)

it('starts where nothing changes any more, and gives the same', async () => {
  for (const moving of [modelOf(1, 99), new Set(['b', 'y'])]) {
    const prefix = new KeptPrefix()
    const first = await step(prefix, modelOf(1, 2), moving, ['rounded'])
    expect(first.picked).toEqual(await wholeOf(modelOf(1, 2), ['rounded']))
    const second = await step(prefix, modelOf(1, 7), new Set(), ['b', 'rounded', 'y'])
    expect(second.picked).toEqual(await wholeOf(modelOf(1, 7), ['b', 'rounded', 'y']))
    expect(opsOf(second.copy)).toEqual(['MatMul', 'Add'])
  }
})

it('bodies read what is kept, and values of their own', async () => {
  const negated = graph({
    outputs: [value('n2', 'f32', [2, 4])],
    nodes: [node('Neg', ['rounded'], ['n1']), node('Mul', ['n1', 'b'], ['n2'])],
  })
  const given = modelOf(1, 2)
  const nodes = [
    ...given.graph.nodes,
    node('Greater', ['scale', 'scale'], ['never']),
    node('If', ['never'], ['z'], { then_branch: negated, else_branch: negated }),
  ]
  const model = { ...given, graph: { ...given.graph, nodes } }
  const prefix = new KeptPrefix()
  await step(prefix, model, new Set(['b', 'y', 'z']), ['rounded'])
  const second = await step(prefix, model, new Set(), ['z'])
  expect(second.picked).toEqual(await wholeOf(model, ['z']))
  expect(opsOf(second.copy)).toEqual(['MatMul', 'Greater', 'If'])
})

it('starts at the input where the front has changed after all', async () => {
  const prefix = new KeptPrefix()
  await step(prefix, modelOf(1, 2), new Set(['b', 'y']), ['rounded'])
  const second = await step(prefix, modelOf(5, 2), new Set(), ['b', 'y'])
  expect(second.picked).toEqual(await wholeOf(modelOf(5, 2), ['b', 'y']))
  expect(opsOf(second.copy)).toContain('QuantizeLinear')
})

it('values are alike by what computes them', () => {
  const signatures = new ValueSignatures()
  const [one, same, other] = [modelOf(1, 2), modelOf(1, 2), modelOf(1, 3)].map((model) => signatures.of(model))
  expect(same).toEqual(one)
  for (const name of ['a', 'codes', 'rounded', 'c']) expect(other!.get(name)).toBe(one!.get(name))
  for (const name of ['w2', 'b', 'y']) expect(other!.get(name)).not.toBe(one!.get(name))
  expect([...constantValues(modelOf(1, 2))].sort()).toEqual(['root', 'scale', 'w1', 'w2', 'w3', 'zero'])
})
