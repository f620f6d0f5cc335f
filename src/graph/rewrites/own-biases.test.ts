import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { ownBiases } from './own-biases.ts'

const read = async (ref: TensorRef): Promise<Uint8Array> => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const w = f32('w', [3, 3], randomFloats(9, 1))
const b = f32('b', [3], [1, -2, 0.5])
const build = (nodes: Node[]) =>
  buildModel({ nodes, initializers: [w, b], inputs: [value('x', 'f32', [2, 3])], outputs: [value('y', 'f32')] })
const feeds = {
  x: [
    [2, 3],
    [1, -2, 3, -4, 5, -6],
  ],
} as const

describe('ownBiases', () => {
  it('gives every product a bias of its own, and leaves weights shared', async () => {
    const before = build([node('Gemm', ['x', 'w', 'b'], ['u']), node('Gemm', ['u', 'w', 'b'], ['y'])])
    const { model, done } = await ownBiases(before, read)
    const [first, second] = model.graph.nodes
    expect(first?.inputs).toEqual(['x', 'w', 'b'])
    expect(second?.inputs[1]).toBe('w')
    expect(second?.inputs[2]).not.toBe('b')
    expect(done).toHaveLength(1)
    await expectSameOutputs(before, model, feeds, 0)
  })

  it('also what an Add puts behind a MatMul, on either side', async () => {
    const before = build([
      node('MatMul', ['x', 'w'], ['u']),
      node('Add', ['b', 'u'], ['v']),
      node('MatMul', ['v', 'w'], ['t']),
      node('Add', ['t', 'b'], ['y']),
    ])
    const { model } = await ownBiases(before, read)
    const biases = model.graph.initializers.map(({ name }) => name).filter((name) => name !== 'w')
    expect(biases).toHaveLength(2)
    await expectSameOutputs(before, model, feeds, 0)
  })

  it('leaves what one product reads', async () => {
    const before = build([node('Gemm', ['x', 'w', 'b'], ['y'])])
    expect((await ownBiases(before, read)).model).toBe(before)
  })
})
