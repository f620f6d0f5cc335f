import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import { plainGemms } from './gemm-factors.ts'

const build = (bias: string, factors: Readonly<Record<string, number>>, transB = 0) =>
  buildModel({
    opset: 13,
    ir: 8,
    inputs: [value('x', 'f32', [2, 3]), value('fed', 'f32', [2, 4])],
    outputs: [value('y', 'f32')],
    initializers: [
      f32('w', transB === 0 ? [3, 4] : [4, 3], randomFloats(12, 1)),
      ...[f32('b', [4], [1, -2, 0.5, 3]), f32('one', [], [0.3]), f32('table', [2, 4], randomFloats(8, 2))],
    ],
    nodes: [
      node('Gemm', ['x', 'w', ...(bias === '' ? [] : [bias])], ['y'], {
        transB,
        ...Object.fromEntries(Object.entries(factors).map(([name, float]) => [name, { float }])),
      }),
    ],
  })
const feeds = {
  x: [[2, 3], randomFloats(6, 5)],
  fed: [[2, 4], randomFloats(8, 6)],
} as const

describe('plainGemms', () => {
  it.each([
    ['both factors', 'b', { alpha: 0.5, beta: 2 }, ['Gemm']],
    ['no bias', '', { alpha: 0.5, beta: 2 }, ['Gemm']],
    ['a bias that does not count', 'b', { beta: 0 }, ['Gemm']],
    ['one number', 'one', { beta: 3 }, ['Gemm']],
    ['a table', 'table', { alpha: 2, beta: 0.5 }, ['Gemm', 'Add']],
    ['what is fed', 'fed', { alpha: 2 }, ['Gemm', 'Add']],
  ])('%s', async (_, bias, factors, ops) => {
    for (const transB of [0, 1]) {
      const before = build(bias, factors, transB)
      const { model, done } = await plainGemms(before, readTensor)
      expect(model.graph.nodes.map(({ op }) => op)).toEqual(ops)
      expect(model.graph.nodes[0]?.attributes.map(({ name }) => name)).toEqual(['transB'])
      expect(done).toHaveLength(1)
      await expectSameOutputs(before, model, feeds, 1e-6)
      expect((await plainGemms(model, readTensor)).model).toBe(model)
    }
  })

  it.each([
    ['b', {}],
    ['fed', { beta: 2 }],
  ])('leaves %s %o', async (bias, factors) => {
    const before = build(bias, factors)
    expect((await plainGemms(before, readTensor)).model).toBe(before)
  })
})
