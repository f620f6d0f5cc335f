import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { integerOperators } from '../../../test/fixtures/integer-operators.ts'
import { relativeError } from '../../../test/fixtures/run-file.ts'
import { noise, place, runStatic } from '../../../test/fixtures/static-model.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { insertPairs } from './quantize-linear.ts'

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const weight = (name: string, shape: readonly number[], seed = 3): TensorRef =>
  f32(name, shape, noise(count(shape), seed))

function net(shape: readonly number[], nodes: readonly Node[], initializers: readonly TensorRef[], opset = 17): Model {
  const outputs = [value('y', 'f32')]
  return buildModel({ opset, inputs: [value('x', 'f32', shape)], outputs, initializers, nodes })
}

async function expectClose(model: Model, shape: readonly number[], operators: readonly string[], most = 0.03) {
  const run = await runStatic(model, { x: new Tensor('float32', noise(count(shape), 7), shape) })
  expect(relativeError(run.float[0]!, run.fused[0])).toBeLessThan(most)
  expect(relativeError(run.float[0]!, run.unfused[0])).toBeLessThan(most)
  const found = await integerOperators(run.lowered)
  expect(found.filter((op) => /^(Conv|Gemm|MatMul|FusedConv|FusedGemm|FusedMatMul)$/.test(op))).toEqual([])
  expect(found).toEqual(expect.arrayContaining([...operators]))
  return run
}

describe('pairs that onnxruntime joins to integer operators', () => {
  it.each([
    ['1-D', [2, 6, 20], [8, 6, 3], { kernel_shape: [3] }],
    ['2-D, grouped, strided', [1, 6, 9, 9], [8, 3, 3, 3], { kernel_shape: [3, 3], group: 2, strides: [2, 2] }],
    ['depthwise', [1, 6, 9, 9], [6, 1, 3, 3], { kernel_shape: [3, 3], group: 6 }],
    ['dilated', [1, 6, 9, 9], [8, 6, 3, 3], { kernel_shape: [3, 3], dilations: [2, 2], pads: [2, 2, 2, 2] }],
    ['3-D', [1, 4, 5, 5, 5], [6, 4, 2, 2, 2], { kernel_shape: [2, 2, 2] }],
  ] as const)('Conv %s', async (_, shape, kernel, attributes) => {
    const ones = shape.slice(2).map(() => 1)
    const last = [4, kernel[0], ...ones]
    const nodes = [
      node('Conv', ['x', 'w', 'b'], ['a'], attributes),
      node('Relu', ['a'], ['r']),
      node('Conv', ['r', 'v'], ['y'], { kernel_shape: ones }),
    ]
    const initializers = [weight('w', kernel), weight('b', [kernel[0]]), weight('v', last)]
    await expectClose(net(shape, nodes, initializers), shape, ['QLinearConv', 'ConvInteger'])
  })

  it('ConvInteger pads with the zero of its grid', async () => {
    const shape = [1, 3, 5, 5]
    const nodes = [node('Conv', ['x', 'w', 'b'], ['y'], { kernel_shape: [3, 3], pads: [2, 1, 1, 2] })]
    await expectClose(net(shape, nodes, [weight('w', [4, 3, 3, 3]), weight('b', [4])]), shape, ['ConvInteger'], 0.015)
  })

  it('MatMul, bias, Gemm; two activations; opset 13', async () => {
    const shape = [6, 16]
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Add', ['a', 'b'], ['c']),
      node('Relu', ['c'], ['d']),
      node('Gemm', ['d', 'v', 'e'], ['f'], { transB: 1 }),
      node('Transpose', ['f'], ['g'], { perm: [1, 0] }),
      node('MatMul', ['f', 'g'], ['y']),
    ]
    const initializers = [weight('w', [16, 12]), weight('b', [12]), weight('v', [8, 12]), weight('e', [8])]
    const { lowered } = await expectClose(net(shape, nodes, initializers, 13), shape, ['QGemm', 'QGemm'])
    expect(lowered.graph.initializers.some(({ name }) => name === 'b' || name === 'w')).toBe(false)
  })

  it('a bias behind a MatMul of more axes is not joined to a float Gemm', async () => {
    const shape = [1, 6, 16]
    const nodes = [node('MatMul', ['x', 'w'], ['a']), node('Add', ['a', 'b'], ['y'])]
    await expectClose(net(shape, nodes, [weight('w', [16, 12]), weight('b', [12])]), shape, ['MatMulIntegerToFloat'])
  })

  it('sums, concatenation, pools, activations and moves run on codes', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      node('Conv', ['x', 'k1'], ['a'], { kernel_shape: [1, 1] }),
      node('Conv', ['x', 'k2'], ['b'], { kernel_shape: [1, 1] }),
      node('Add', ['a', 'b'], ['c']),
      node('LeakyRelu', ['c'], ['d'], { alpha: { float: 0.1 } }),
      node('Concat', ['d', 'a'], ['e'], { axis: 1 }),
      node('MaxPool', ['e'], ['f'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('AveragePool', ['f'], ['g'], { kernel_shape: [2, 2] }),
      node('GlobalAveragePool', ['g'], ['h']),
      node('Flatten', ['h'], ['i']),
      node('Gemm', ['i', 'w'], ['y']),
    ]
    const initializers = [weight('k1', [4, 4, 1, 1]), weight('k2', [4, 4, 1, 1], 5), weight('w', [8, 3])]
    const integer = ['QLinearAdd', 'QLinearLeakyRelu', 'QLinearConcat', 'QLinearGlobalAveragePool', 'QGemm']
    await expectClose(net(shape, nodes, initializers), shape, integer, 0.06)
  })

  it('Relu6 vanishes into its pair', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      node('Conv', ['x', 'k'], ['a'], { kernel_shape: [1, 1] }),
      node('Clip', ['a', 'low', 'high'], ['b']),
      node('Conv', ['b', 'k'], ['y'], { kernel_shape: [1, 1] }),
    ]
    const limits = [f32('low', [], [0]), f32('high', [], [0.7])]
    const { lowered } = await expectClose(net(shape, nodes, [weight('k', [4, 4, 1, 1]), ...limits]), shape, [
      'QLinearConv',
    ])
    expect(await integerOperators(lowered)).not.toContain('Clip')
  })

  it('weights and biases in Constant nodes and as inputs; a bias that two convolutions share', async () => {
    const shape = [1, 4, 8, 8]
    const attributes = { kernel_shape: [1, 1] }
    const nodes = [
      node('Constant', [], ['k'], { value: weight('', [4, 4, 1, 1]) }),
      node('Constant', [], ['b'], { value: weight('', [4]) }),
      node('Conv', ['x', 'k', 'b'], ['a'], attributes),
      node('Conv', ['a', 'v', 'b'], ['y'], attributes),
    ]
    const built = net(shape, nodes, [weight('v', [4, 4, 1, 1])])
    const inputs = [...built.graph.inputs, value('v', 'f32', [4, 4, 1, 1])]
    const { lowered } = await expectClose({ ...built, graph: { ...built.graph, inputs } }, shape, ['QLinearConv'])
    expect(lowered.graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(lowered.graph.nodes.some(({ op }) => op === 'Constant')).toBe(false)
  })

  it('a value that is also an output keeps its name', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      node('Conv', ['x', 'k'], ['y'], { kernel_shape: [1, 1] }),
      node('Conv', ['y', 'k'], ['z'], { kernel_shape: [1, 1] }),
    ]
    const built = net(shape, nodes, [weight('k', [4, 4, 1, 1])])
    const outputs = [...built.graph.outputs, value('z', 'f32')]
    await expectClose({ ...built, graph: { ...built.graph, outputs } }, shape, ['QLinearConv', 'ConvInteger'])
  })

  it('a channel without weight and a large bias raise no overflow', async () => {
    const shape = [1, 2, 4, 4]
    const nodes = [
      node('Conv', ['x', 'k', 'b'], ['a'], { kernel_shape: [1, 1] }),
      node('Conv', ['a', 'k'], ['y'], { kernel_shape: [1, 1] }),
    ]
    const initializers = [f32('k', [2, 2, 1, 1], [1e-12, 0, 0.5, -0.25]), f32('b', [2], [100, -2])]
    await expectClose(net(shape, nodes, initializers), shape, ['QLinearConv'])
  })

  it('refuses an old opset and missing grids with a plan error', async () => {
    const model = net([4, 4], [node('MatMul', ['x', 'w'], ['y'])], [weight('w', [4, 4])], 12)
    const inputs = { grids: new Map(), weights: new Map(), biases: new Map() }
    const placement = await place(model)
    expect(() => insertPairs(model, placement, inputs)).toThrow(expect.objectContaining({ code: 'E_PLAN' }))
    const newer = { ...model, opsets: [{ domain: '', version: 13 }] }
    expect(() => insertPairs(newer, placement, inputs)).toThrow(/a grid for the group "x"/)
  })
})
