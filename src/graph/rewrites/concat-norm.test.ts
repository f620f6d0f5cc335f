import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { splitConcatNorms } from './concat-norm.ts'
import { prepareForStatic } from './prepare-static.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const random = (name: string, shape: readonly number[], seed: number, positive = false): TensorRef => {
  const count = shape.reduce((a, b) => a * b, 1)
  return f32(
    name,
    shape,
    randomFloats(count, seed).map((one) => (positive ? one * one + 0.1 : one)),
  )
}
const feeds = { x: [[1, 2, 5, 5], randomFloats(50, 8)] } as const
const operators = (model: Model): string[] => model.graph.nodes.map(({ op }) => op)
const norm = node('BatchNormalization', ['c', 'scale', 'bias', 'mean', 'variance'], ['n'], {}, { name: 'norm' })

/** Two convolutions of 3 and 4 channels, side by side, their Concat, `behind`, and a convolution. */
const model = (behind: Node[], constants: TensorRef[], seen: readonly string[] = []): Model =>
  buildModel({
    inputs: [value('x', 'f32', [1, 2, 5, 5])],
    outputs: ['y', ...seen].map((name) => value(name, 'f32')),
    initializers: [
      random('k1', [3, 2, 3, 3], 1),
      random('k2', [4, 2, 1, 1], 2),
      random('k3', [2, 7, 1, 1], 3),
      ...constants,
    ],
    nodes: [
      node('Conv', ['x', 'k1'], ['a'], { pads: [1, 1, 1, 1] }, { name: 'one' }),
      node('Conv', ['x', 'k2'], ['b'], {}, { name: 'two' }),
      node('Concat', ['a', 'b'], ['c'], { axis: 1 }),
      ...behind,
      node('Relu', ['n'], ['r']),
      node('Conv', ['r', 'k3'], ['y']),
    ],
  })
const statistics = [
  random('scale', [7], 4),
  random('bias', [7], 5),
  random('mean', [7], 6),
  random('variance', [7], 7, true),
]

describe('splitConcatNorms', () => {
  it('gives every part its own norm, which the products then take', async () => {
    const before = model([norm], statistics)
    const { model: after, done } = await splitConcatNorms(before, bytesOf)
    expect(done).toMatchObject([{ rewrite: 'concat-norm', node: 'norm' }])
    const parts = ['BatchNormalization', 'BatchNormalization']
    expect(operators(after)).toEqual(['Conv', 'Conv', ...parts, 'Concat', 'Relu', 'Conv'])
    await expectSameOutputs(before, after, feeds, 1e-6)
    const { model: ready } = await prepareForStatic(before, bytesOf)
    expect(operators(ready)).toEqual(['Conv', 'Conv', 'Concat', 'Relu', 'Conv'])
    await expectSameOutputs(before, ready, feeds, 1e-5)
  })

  it('does the same with norms that are spelled out, scalars included', async () => {
    const spelled = [
      node('Mul', ['c', 'factor'], ['m']),
      node('Add', ['shift', 'm'], ['s']),
      node('Mul', ['s', 'two'], ['n']),
    ]
    const before = model(spelled, [
      random('factor', [1, 7, 1, 1], 4),
      random('shift', [7, 1, 1], 5),
      f32('two', [], [2]),
    ])
    const { model: ready } = await prepareForStatic(before, bytesOf)
    expect(operators(ready)).toEqual(['Conv', 'Conv', 'Concat', 'Relu', 'Conv'])
    await expectSameOutputs(before, ready, feeds, 1e-5)
  })

  it('leaves a Concat that others see, other axes, and parts that nothing can take', async () => {
    for (const before of [
      model([norm], statistics, ['c']),
      model([norm], statistics, ['a', 'b']),
      model([node('Mul', ['c', 'across'], ['n'])], [random('across', [1, 1, 5, 5], 4)]),
      model([node('Relu', ['c'], ['c2']), { ...norm, inputs: ['c2', ...norm.inputs.slice(1)] }], statistics),
    ]) {
      expect((await splitConcatNorms(before, bytesOf)).model).toBe(before)
    }
  })
})
