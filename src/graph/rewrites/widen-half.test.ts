import { describe, expect, it } from 'vitest'
import { buildModel, f32, graph, node, tensor, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Model } from '../../model/graph.ts'
import { encodeF16 } from '../../numbers/f16.ts'
import { widenHalf } from './widen-half.ts'

const half = (name: string, shape: readonly number[], values: ArrayLike<number>) =>
  tensor(name, 'f16', shape, new Uint8Array(Uint16Array.from(Array.from(values), encodeF16).buffer))
const constant = (name: string, values: readonly number[]) =>
  node('Constant', [], [name], { value: half('', [values.length], values) })
const feeds = {
  x: [[2, 4], Float32Array.from([1, -2, 0.5, 4, -1, 3, 0.25, 2]), 'f16'],
  c: [[1], Float32Array.of(1), 'f32'],
} as const

/** Weights, a constant node, a cast, a body that reads an input, an output that is read inside. */
const network = (more: Partial<Parameters<typeof buildModel>[0]> = {}): Model =>
  buildModel({
    opset: 17,
    inputs: [value('x', 'f16', [2, 4]), value('c', 'f32', [1])],
    outputs: [value('y', 'f16', [2, 4]), value('z', 'f16', [2, 4])],
    initializers: [half('w', [4, 4], randomFloats(16, 3)), half('b', [4], [1, 2, -1, 0.5]), f32('zero', [], [0])],
    values: [value('p', 'f16', [2, 4])],
    nodes: [
      node('MatMul', ['x', 'w'], ['p']),
      constant('k', [0.5, 1, 2, 1]),
      node('Mul', ['p', 'k'], ['y']),
      node('Cast', ['c'], ['h'], { to: 10 }),
      node('Greater', ['c', 'zero'], ['g0']),
      node('Squeeze', ['g0'], ['g']),
      node(
        'If',
        ['g'],
        ['i'],
        {
          then_branch: graph({ nodes: [node('Add', ['x', 'b'], ['t'])], outputs: [value('t', 'f16', [2, 4])] }),
          else_branch: graph({ nodes: [node('Sub', ['x', 'b'], ['e'])], outputs: [value('e', 'f16', [2, 4])] }),
        },
        { name: 'if' },
      ),
      node('Mul', ['i', 'h'], ['ih']),
      node('Add', ['ih', 'y'], ['z']),
    ],
    ...more,
  })

describe('widenHalf', () => {
  it('computes in float32 between doors of float16', async () => {
    const before = network()
    const { model, done } = await widenHalf(before, readTensor)
    expect(model.graph.inputs).toEqual(before.graph.inputs)
    expect(model.graph.outputs.map(({ dtype }) => dtype)).toEqual(['f16', 'f16'])
    expect(model.graph.initializers.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['w', 'f32'],
      ['b', 'f32'],
      ['zero', 'f32'],
    ])
    expect(model.graph.nodes.filter(({ op }) => op === 'Cast')).toHaveLength(4)
    expect(done.map(({ node: name }) => name)).toEqual(['k', 'w', 'b'])
    await expectSameOutputs(before, model, feeds, 2e-3)
  })

  it('leaves half-precision weights of float32 products, and what it cannot widen', async () => {
    const stored = buildModel({
      inputs: [value('x', 'f32', [2, 4])],
      outputs: [value('y', 'f32')],
      initializers: [half('w', [4, 4], randomFloats(16, 3))],
      nodes: [node('Cast', ['w'], ['v'], { to: 1 }), node('MatMul', ['x', 'v'], ['y'])],
    })
    expect((await widenHalf(stored, readTensor)).model).toBe(stored)
    const shown = network({ outputs: [value('y', 'f16'), value('z', 'f16'), value('w', 'f16')] })
    const { model, left } = await widenHalf(shown, readTensor)
    expect(model).toBe(shown)
    expect(left[0]?.text).toMatch(/is an input or output too/)
  })
})
