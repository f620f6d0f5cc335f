import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Node } from '../../model/graph.ts'
import { mergeBounds } from './bounds.ts'

const build = (nodes: readonly Node[], opset = 13) =>
  buildModel({
    opset,
    ir: 8,
    inputs: [value('x', 'f32', [1, 6])],
    outputs: [value('y', 'f32')],
    initializers: [
      ...[f32('zero', [], [0]), f32('six', [1], [6]), f32('low', [1, 1], [-0.5])],
      ...[f32('long', [6], [1, 2, 3, 4, 5, 6]), f32('deep', [1, 1, 1], [0])],
    ],
    nodes,
  })
const feeds = {
  x: [
    [1, 6],
    [-3, -0.25, 0, 2, 6, 9],
  ],
} as const

describe('mergeBounds', () => {
  it.each([
    ['one side', [node('Max', ['x', 'zero'], ['y'])], ['Relu']],
    ['the number in front', [node('Max', ['zero', 'x'], ['y'])], ['Relu']],
    ['another number', [node('Max', ['x', 'low'], ['y'])], ['Clip']],
    ['two sides', [node('Max', ['x', 'zero'], ['m']), node('Min', ['m', 'six'], ['y'])], ['Clip']],
    ['the other way round', [node('Min', ['x', 'six'], ['m']), node('Max', ['m', 'zero'], ['y'])], ['Clip']],
    ['behind a Relu', [node('Relu', ['x'], ['m']), node('Min', ['m', 'six'], ['y'])], ['Clip']],
    ['bounds that cross', [node('Max', ['x', 'six'], ['m']), node('Min', ['m', 'low'], ['y'])], ['Clip']],
    [
      'read twice',
      [node('Max', ['x', 'zero'], ['m']), node('Min', ['m', 'six'], ['n']), node('Add', ['m', 'n'], ['y'])],
    ],
  ])('%s', async (_, nodes, ops: readonly string[] = ['Relu', 'Clip', 'Add']) => {
    for (const opset of [10, 13]) {
      const before = build(nodes, opset)
      const { model } = await mergeBounds(before, readTensor)
      expect(model.graph.nodes.map(({ op }) => op)).toEqual(ops)
      await expectSameOutputs(before, model, feeds, 0)
    }
  })

  it.each(['long', 'deep'])('leaves a bound that is no number for every element: %s', async (bound) => {
    const before = build([node('Max', ['x', bound], ['y'])])
    expect((await mergeBounds(before, readTensor)).model).toBe(before)
  })
})
