import { describe, expect, it } from 'vitest'
import { asRead, buildModel, f32, i64, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import { prepareForStatic } from './prepare-static.ts'

const vector = (name: string, seed: number) => f32(name, [4], randomFloats(4, seed))
const norm = (from: string, to: string) =>
  node('BatchNormalization', [from, 'scale', 'bias', 'mean', 'flat variance'], [to], {}, { name: to })

/** What exporters leave: a weight to be turned round, a norm behind a Dropout, a Pad before a Conv, shapes computed. */
const exported = () =>
  buildModel({
    opset: 13,
    nodes: [
      node('Transpose', ['turned'], ['w'], { perm: [3, 2, 0, 1] }),
      node('Reshape', ['variance', 'all'], ['flat variance']),
      node('Pad', ['x', 'pads'], ['padded']),
      node('Conv', ['padded', 'w'], ['c']),
      node('Dropout', ['c'], ['d']),
      norm('d', 'n'),
      node('Relu', ['n'], ['r']),
      node('Shape', ['r'], ['shape']),
      node('Gather', ['shape', 'zero'], ['batch']),
      node('Concat', ['batch', 'minus'], ['target'], { axis: 0 }),
      node('Reshape', ['r', 'target'], ['f']),
      node('Identity', ['f'], ['y']),
    ],
    initializers: [
      f32('turned', [3, 3, 2, 4], randomFloats(72, 1)),
      f32('variance', [1, 4], [1, 2, 3, 4]),
      i64('all', [1], [-1]),
      i64('pads', [8], [0, 0, 1, 1, 0, 0, 1, 1]),
      vector('scale', 2),
      vector('bias', 3),
      vector('mean', 4),
      i64('zero', [1], [0]),
      i64('minus', [1], [-1]),
    ],
    inputs: [value('x', 'f32', [2, 2, 5, 5])],
    outputs: [value('y', 'f32', [2, 100])],
  })

describe('prepareForStatic', () => {
  it('goes on until nothing changes, and says what it did', async () => {
    const before = await asRead(exported())
    const { model, done, left } = await prepareForStatic(before, readTensor)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'Relu', 'Reshape'])
    expect(model.graph.nodes[2]!.outputs).toEqual(['y'])
    expect(new Set(done.map(({ rewrite }) => rewrite))).toEqual(
      new Set(['identity', 'batch-norm', 'pads', 'constants']),
    )
    expect(left).toEqual([])
    await expectSameOutputs(
      exported(),
      await asRead(model).then(inMemory),
      { x: [[2, 2, 5, 5], randomFloats(100, 7)] },
      1e-6,
    )
  })

  it('gives back the model itself where there is nothing to do', async () => {
    const { model } = await prepareForStatic(exported(), readTensor)
    expect((await prepareForStatic(model, readTensor)).model).toBe(model)
  })
})

/** The fixture that runs models wants tensors in memory. */
async function inMemory(model: Awaited<ReturnType<typeof asRead>>) {
  const initializers = await Promise.all(
    model.graph.initializers.map(async (tensor) => {
      const bytes = await readTensor(tensor)
      return { ...tensor, storage: { kind: 'bytes' as const, bytes, byteLength: bytes.length } }
    }),
  )
  return { ...model, graph: { ...model.graph, initializers } }
}
