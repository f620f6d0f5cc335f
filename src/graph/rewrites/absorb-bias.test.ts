import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { absorbBiases } from './absorb-bias.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const feeds = { x: [[1, 2, 4, 4], randomFloats(32, 8)] } as const
const build = (nodes: Node[], bias: readonly number[], further: TensorRef[] = []) =>
  buildModel({
    nodes,
    initializers: [
      f32('w', [3, 2, 1, 1], [0.1, 0.2, -0.1, 0.3, 0.2, -0.3]),
      f32('b', [3], bias),
      f32('v', [2, 3, 3, 3], randomFloats(54, 3)),
      ...further,
    ],
    inputs: [value('x', 'f32', [1, 2, 4, 4])],
    outputs: [value('y', 'f32')],
  })
const conv = node('Conv', ['x', 'w', 'b'], ['c'], {}, { name: 'one' })
const relu = node('Relu', ['c'], ['r'])
const next = node('Conv', ['r', 'v'], ['y'])
const floats = (tensor: TensorRef | undefined) => [...new Float32Array(bytesOf(tensor!).slice().buffer)]

describe('absorbBiases', () => {
  it('moves what a channel always has, and keeps the outputs', async () => {
    const before = build([conv, relu, next], [10, 20, -5])
    const least = Float64Array.of(8, 16, -7)
    const { model, done } = await absorbBiases(before, bytesOf, new Map([['c', { mean: least, least }]]))
    expect(done).toMatchObject([{ rewrite: 'absorb', node: 'one', text: 'bias of 2 channels moved into Conv "y"' }])
    const bias = model.graph.nodes[0]!.inputs[2]
    expect(floats(model.graph.initializers.find(({ name }) => name === bias))).toEqual([2, 4, -5])
    expect(model.graph.nodes[2]!.inputs).toHaveLength(3)
    await expectSameOutputs(before, model, feeds, 1e-6)
  })

  it('takes mean less three deviations where the least is not known', async () => {
    const before = build([conv, relu, next], [10, 20, -5])
    const statistics = { mean: Float64Array.of(10, 20, 1), deviation: Float64Array.of(1, 1, 1) }
    const { model } = await absorbBiases(before, bytesOf, new Map([['c', statistics]]))
    const bias = model.graph.nodes[0]!.inputs[2]
    expect(floats(model.graph.initializers.find(({ name }) => name === bias))).toEqual([3, 3, -5])
  })

  it('knows the least values from behind the ReLU, and nothing else', async () => {
    const before = build([conv, relu, next], [10, 20, -5])
    const least = Float64Array.of(8, 16, 0)
    const { model, done } = await absorbBiases(before, bytesOf, new Map([['r', { mean: least, least }]]))
    expect(done).toHaveLength(1)
    const bias = model.graph.nodes[0]!.inputs[2]
    expect(floats(model.graph.initializers.find(({ name }) => name === bias))).toEqual([2, 4, -5])
    await expectSameOutputs(before, model, feeds, 1e-6)
    const deviation = Float64Array.of(1, 1, 1)
    const bare = await absorbBiases(before, bytesOf, new Map([['r', { mean: least, deviation }]]))
    expect(bare.model).toBe(before)
  })

  it('goes down a chain', async () => {
    const deeper = [
      conv,
      relu,
      node('Conv', ['r', 'v'], ['d']),
      node('Relu', ['d'], ['s']),
      node('Conv', ['s', 'u'], ['y']),
    ]
    const before = build(deeper, [10, 20, 30], [f32('u', [1, 2, 1, 1], [1, -1])])
    const statistics = new Map([
      ['c', { mean: Float64Array.of(9, 19, 29), least: Float64Array.of(8, 18, 28) }],
      ['d', { mean: Float64Array.of(0, 0), least: Float64Array.of(-3, 0.5) }],
    ])
    const { model, done } = await absorbBiases(before, bytesOf, statistics)
    expect(done).toHaveLength(2)
    const only = await absorbBiases(before, bytesOf, new Map([...statistics].slice(0, 1)))
    await expectSameOutputs(before, only.model, feeds, 1e-5)
    const last = model.graph.initializers.find(({ name }) => name === model.graph.nodes[4]!.inputs[2])
    expect(floats(last)).toEqual([-0.5])
  })

  const statistics = new Map([['c', { mean: Float64Array.of(9, 9, 9), least: Float64Array.of(8, 8, 8) }]])
  const kept: readonly [string, Node[]][] = [
    ['padding behind', [conv, relu, node('Conv', ['r', 'v'], ['y'], { pads: [1, 1, 1, 1] })]],
    ['leaky activations', [conv, node('LeakyRelu', ['c'], ['r']), next]],
    [
      'other readers',
      [conv, relu, node('Conv', ['r', 'v'], ['d']), node('ReduceSum', ['c'], ['s']), node('Add', ['d', 's'], ['y'])],
    ],
  ]
  it.each(kept)('leaves %s', async (_name, nodes) => {
    const before = build(nodes, [10, 10, 10])
    expect((await absorbBiases(before, bytesOf, statistics)).model).toBe(before)
  })

  it('leaves values without statistics or without anything constant', async () => {
    const before = build([conv, relu, next], [10, 20, -5])
    expect((await absorbBiases(before, bytesOf, new Map())).model).toBe(before)
    const mean = Float64Array.of(9, 9, 9)
    expect((await absorbBiases(before, bytesOf, new Map([['c', { mean }]]))).model).toBe(before)
    expect((await absorbBiases(before, bytesOf, new Map([['c', { mean, least: mean.map(() => -1) }]]))).model).toBe(
      before,
    )
  })
})
