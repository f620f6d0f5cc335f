import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { gaussian } from '../../../test/fixtures/distribution.ts'
import { lineFolder } from '../../../test/fixtures/line-folder.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import { type OrtModule, ortRuntime } from '../../runtime/ort.ts'
import { collectStatistics } from '../calibrate.node.ts'
import { readSmall } from '../tensor-bytes.ts'
import { distanceOf } from './output-distance.ts'
import { proveRewrite } from './prove-rewrite.node.ts'
import { withFresh } from './scaled-statistics.ts'
import { transformCandidates, transformsNamed } from './transform-candidates.ts'
import { staticTransforms } from './transforms.ts'

const home = lineFolder()
const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
const tools = { kernels: createKernelsSync(), notify: () => undefined }
const SHAPE = [1, 3, 6, 6]
const samples: SampleSet = {
  ...{ count: 4, found: 4, skipped: [], filled: [], converted: [] },
  at: async (index) => {
    const data = gaussian(108, index + 1)
    return { label: `${index}`, feeds: { x: { dtype: 'f32', shape: SHAPE, data: new Uint8Array(data.buffer) } } }
  },
}
const weight = (name: string, shape: readonly number[], factor: (channel: number) => number): TensorRef => {
  const run = shape.slice(1).reduce((a, b) => a * b, 1)
  return f32(
    name,
    shape,
    gaussian(run * shape[0]!, run).map((one, at) => one * factor(Math.floor(at / run))),
  )
}
/** Two convolutions; the first channel between is forty times the others, the second one always above 0. */
const model = buildModel({
  inputs: [value('x', 'f32', SHAPE)],
  outputs: [value('y', 'f32')],
  initializers: [
    weight('k1', [4, 3, 3, 3], (channel) => (channel === 0 ? 40 : 1)),
    f32('b1', [4], [0, 100, 0, 0]),
    weight('k2', [2, 4, 3, 3], () => 1),
    f32('b2', [2], [1, 2]),
    f32('zero', [], [0]),
    f32('bound', [], [1e6]),
  ],
  nodes: [
    node('Conv', ['x', 'k1', 'b1'], ['a'], {}, { name: 'one' }),
    node('Clip', ['a', 'zero', 'bound'], ['r'], {}, { name: 'clip' }),
    node('Conv', ['r', 'k2', 'b2'], ['y'], {}, { name: 'two' }),
  ],
})
const collect = async (of: Model, values: readonly string[]) =>
  (await collectStatistics({ model: of, values, samples, runtime, tools, folder: home.path })).statistics
const prove = (after: Model, before = model) =>
  proveRewrite(before, after, samples, runtime, tools, { folder: home.path })

test('every candidate keeps the function, and its statistics are those of the new model', async () => {
  const statistics = await collect(model, ['x', 'a', 'r'])
  expect(transformCandidates().map(({ name }) => name)).toEqual([
    'none',
    'equalize',
    'equalize-weights',
    'equalize,split',
  ])
  for (const { name, transforms } of transformCandidates()) {
    const result = await staticTransforms(model, statistics, readSmall, transforms)
    const proof = await prove(result.model)
    expect([name, proof.accepted, proof.model === result.model]).toEqual([name, true, true])
    if (name === 'none') {
      expect(result).toMatchObject({ model, statistics, done: [], stale: [] })
      continue
    }
    expect(result.done.map(({ rewrite }) => rewrite)).toEqual([
      ...['clip', 'equalize', 'absorb'],
      ...(transforms.has('split') ? ['split'] : []),
    ])
    expect(result.stale).toEqual(['a', 'r'])
    if (transforms.has('split')) {
      // They have other channels now.
      expect(result.stale.filter((one) => result.statistics.values.has(one))).toEqual([])
      continue
    }
    const again = await collect(result.model, ['x', 'a', 'r'])
    expect(result.statistics.values.get('x')).toEqual(again.values.get('x'))
    for (const one of result.stale) {
      const [found, wanted] = [result.statistics.values.get(one)!, again.values.get(one)!]
      expect(found.counts.length).toBe(0)
      for (const key of ['min', 'max', 'sum', 'squares'] as const) {
        const largest = key === 'min' ? wanted.max : Math.max(...wanted.channels![key].map(Math.abs))
        for (const [at, exact] of wanted.channels![key].entries())
          expect(Math.abs(found.channels![key][at]! - exact)).toBeLessThan(2e-4 * largest)
      }
      expect(found.max).toBeCloseTo(wanted.max, 2)
    }
    expect(withFresh(result.statistics, again).values.get('r')).toEqual(again.values.get('r'))
  }
})

test('what moves an output is taken back', async () => {
  const initializers = model.graph.initializers.map((one) => (one.name === 'b2' ? f32('b2', [2], [1, 2.5]) : one))
  const wrong = { ...model, graph: { ...model.graph, initializers } }
  const proof = await prove(wrong)
  expect(proof).toMatchObject({ accepted: false, model })
  expect(proof.worstRelative).toBeGreaterThan(1e-4)
  const unloadable = { ...model, graph: { ...model.graph, nodes: [node('NoSuch', ['x'], ['y'])] } }
  expect(await prove(unloadable)).toMatchObject({ accepted: false, model, worstRelative: Number.POSITIVE_INFINITY })
  expect(await prove(model)).toMatchObject({ accepted: true, worstRelative: 0 })
})

test('names of the command line', () => {
  expect(transformsNamed('none')?.size).toBe(0)
  expect(transformsNamed('equalize')?.has('balance')).toBe(true)
  expect(transformsNamed('rotate')).toBeUndefined()
})

test('distance of outputs', () => {
  const floats = (...values: number[]) => {
    return { dtype: 'f32' as const, shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) }
  }
  expect(distanceOf(floats(2, -4), floats(2, -3))).toBe(0.25)
  expect(distanceOf(floats(Number.NaN, Number.POSITIVE_INFINITY), floats(Number.NaN, Number.POSITIVE_INFINITY))).toBe(0)
  expect(distanceOf(floats(1), floats(Number.NaN))).toBe(Number.POSITIVE_INFINITY)
  expect(distanceOf(floats(1), floats(1, 1))).toBe(Number.POSITIVE_INFINITY)
  expect(distanceOf(floats(1), undefined)).toBe(Number.POSITIVE_INFINITY)
  expect(distanceOf({ ...floats(1), dtype: 'i32' }, { ...floats(1), dtype: 'i32' })).toBe(0)
})
