import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import { type OrtModule, ortRuntime } from '../../runtime/ort.ts'
import { accumulatedErrors } from './accumulated-errors.node.ts'

const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
const tools = { kernels: createKernelsSync(), notify: () => undefined }

/** x [1, 2] -> a = k x -> y = a + s; `other` names the result of the product as one that is rounded behind. */
const modelOf = (factor: number, shift: readonly number[], other = 'a') =>
  buildModel({
    inputs: [value('x', 'f32', [1, 2])],
    outputs: [value('y', 'f32', [1, 2])],
    initializers: [f32('k', [1], [factor]), f32('s', [2], shift)],
    nodes: [node('Mul', ['x', 'k'], [other]), node('Add', [other, 's'], ['y'])],
  })

const SAMPLES: SampleSet = {
  count: 2,
  found: 2,
  at: async (index) => {
    const data = new Uint8Array(Float32Array.of(1 + index, 2 + index).buffer)
    return { label: `${index}`, feeds: { x: { dtype: 'f32', shape: [1, 2], data } } }
  },
  skipped: [],
  filled: [],
  converted: [],
}

test('values of both models are compared by name, also before their rounding; means by channel', async () => {
  const float = modelOf(1, [0, 0])
  const quantized = modelOf(1.1, [0.25, 0], 'a/float')
  const errors = await accumulatedErrors(float, quantized, ['a', 'y', 'x', 'none'], SAMPLES, runtime, tools, {
    axes: new Map([['y', -1]]),
  })
  expect([...errors.keys()]).toEqual(['a', 'y'])
  // Every element is a tenth too large.
  expect(errors.get('a')?.sqnrDb).toBeCloseTo(20, 4)
  expect(errors.get('a')?.rms).toBeCloseTo(Math.sqrt((1 + 4 + 4 + 9) / 4), 6)
  const means = errors.get('y')?.means ?? []
  expect(means[0]).toBeCloseTo(0.15 + 0.25, 5)
  expect(means[1]).toBeCloseTo(0.25, 5)
})

test('no difference is 999 dB', async () => {
  const errors = await accumulatedErrors(modelOf(2, [1, 1]), modelOf(2, [1, 1]), ['a'], SAMPLES, runtime, tools)
  expect(errors.get('a')?.sqnrDb).toBe(999)
})
