import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { buildModel, encodeModel, f32, node, value } from '../../test/fixtures/build.ts'
import { ortRuntime } from '../runtime/ort.ts'
import { inputsAlone } from './inputs-alone.ts'

test('an executor sees the same inputs, and none of the weights', async () => {
  const model = buildModel({
    nodes: [node('MatMul', ['x', 'w'], ['y']), node('Gather', ['y', 'ids'], ['same_0'])],
    initializers: [f32('w', [2, 2], [1, 2, 3, 4])],
    inputs: [value('x', 'f32', ['n', 2]), value('ids', 'i64', [3]), value('w', 'f32', [2, 2])],
    outputs: [value('same_0', 'f32', ['n', 2])],
  })
  const alone = inputsAlone(model)
  if (!alone) throw new Error('expected a model')
  expect(alone.graph.initializers).toEqual([])
  const runtime = ortRuntime(ort, 'onnxruntime-node')
  const inputsOf = async (bytes: Uint8Array) => {
    const session = await runtime.open({ bytes }, { optimized: false, threads: 1 })
    const { inputs } = session
    await session.release()
    return inputs
  }
  const whole = await inputsOf(await encodeModel(model))
  expect(await inputsOf(await encodeModel(alone))).toEqual(whole.filter(({ name }) => name !== 'w'))
})

test('a model that is fed nothing has none', () => {
  const model = buildModel({ nodes: [], initializers: [], inputs: [], outputs: [] })
  expect(inputsAlone(model)).toBeNull()
})
