import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Model, Node } from '../../model/graph.ts'
import { untieHeads } from './tied-heads.ts'

const table = f32('table', [900, 5], randomFloats(4500, 3))

const build = (nodes: Node[], outputs = ['y']): Model =>
  buildModel({
    nodes: [node('Gather', ['table', 'ids'], ['e']), ...nodes],
    initializers: [table],
    inputs: [value('ids', 'i64', [3])],
    outputs: outputs.map((name) => value(name, 'f32')),
    opset: 17,
  })
const turn = node('Transpose', ['table'], ['head'], { perm: [1, 0] })
const feeds = { ids: [[3], [1, 899, 4], 'i64'] } as const

describe('untieHeads', () => {
  it.each<[string, Node[]]>([
    ['of MatMul', [turn, node('MatMul', ['e', 'head'], ['y'])]],
    ['of Gemm', [turn, node('Gemm', ['e', 'head'], ['y'])]],
    ['without perm', [node('Transpose', ['table'], ['head']), node('MatMul', ['e', 'head'], ['y'])]],
  ])('gives a head a weight of its own: %s', async (_, nodes) => {
    const before = build(nodes)
    const { model, done } = await untieHeads(before, readTensor)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Gather', nodes.at(-1)!.op])
    expect(model.graph.initializers.map(({ name, shape }) => [name, shape])).toEqual([
      ['table', [900, 5]],
      ['head', [5, 900]],
    ])
    expect(done.map(({ text }) => text)).toEqual(['Transpose of constants computed'])
    await expectSameOutputs(before, model, feeds, 0)
  })

  it.each<[string, Model]>([
    ['a head that is an output', build([turn, node('MatMul', ['e', 'head'], ['y'])], ['y', 'head'])],
    [
      'a value that is no weight',
      build([turn, node('MatMul', ['e', 'head'], ['z']), node('Add', ['z', 'head'], ['y'])]),
    ],
    [
      'a table that stays float',
      build([turn, node('MatMul', ['e', 'head'], ['z']), node('Add', ['table', 'z'], ['y'])]),
    ],
  ])('leaves %s', async (_, model) => {
    expect((await untieHeads(model, readTensor)).model).toBe(model)
  })
})
