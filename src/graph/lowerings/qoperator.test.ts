import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { buildModel, encodeModel, f32, i64, node, value } from '../../../test/fixtures/build.ts'
import { runFile } from '../../../test/fixtures/run-file.ts'
import { bytesOf, noise, runStatic } from '../../../test/fixtures/static-model.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { toQOperators } from './qoperator.ts'

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const weight = (name: string, shape: readonly number[], seed = 3): TensorRef =>
  f32(name, shape, noise(count(shape), seed))

function net(shape: readonly number[], nodes: readonly Node[], initializers: readonly TensorRef[]): Model {
  const [inputs, outputs] = [[value('x', 'f32', shape)], [value('y', 'f32')]]
  return buildModel({ opset: 17, inputs, outputs, initializers, nodes })
}

/** Both forms of one placement give the same bits, with optimization and without. */
async function expectSame(model: Model, shape: readonly number[]) {
  const x = noise(count(shape), 7)
  const { lowered, fused } = await runStatic(model, { x: new Tensor('float32', x, shape) })
  const { model: turned, left } = await toQOperators(lowered, bytesOf)
  const bytes = await encodeModel(turned)
  for (const optimized of [true, false]) {
    const found = await runFile(bytes, { x: [shape, x] }, optimized)
    expect(found.get('y')).toEqual(fused[0])
  }
  return { turned, left, ops: turned.graph.nodes.map(({ op }) => op) }
}

const conv = (input: string, kernel: string, output: string, more = {}): Node =>
  node('Conv', [input, kernel], [output], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], ...more }, { name: output })

describe('operators on codes', () => {
  it('convolutions with bias, Relu and Clip', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      node('Conv', ['x', 'k', 'b'], ['a'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }),
      node('Relu', ['a'], ['r']),
      conv('r', 'd', 'e', { group: 4 }),
      node('Clip', ['e', 'low', 'high'], ['c']),
      conv('c', 'k', 'y'),
    ]
    const limits = [f32('low', [], [0]), f32('high', [], [0.7])]
    const initializers = [weight('k', [4, 4, 3, 3]), weight('d', [4, 1, 3, 3]), weight('b', [4], 9), ...limits]
    const { ops, left } = await expectSame(net(shape, nodes, initializers), shape)
    expect(left).toEqual([])
    expect(ops.filter((op) => op === 'QLinearConv').length).toBe(2)
    expect(ops.filter((op) => op !== 'QLinearConv')).toEqual(['QuantizeLinear', 'ConvInteger', 'Cast', 'Mul'])
  })

  it('matrices: with bias, transposed, of two activations, and with a float result', async () => {
    const shape = [6, 16]
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Add', ['a', 'b'], ['c']),
      node('Relu', ['c'], ['d']),
      node('Gemm', ['d', 'v', 'e'], ['f'], { transB: 1 }),
      node('MatMul', ['f', 'u'], ['h']),
      node('Transpose', ['f'], ['g'], { perm: [1, 0] }),
      node('MatMul', ['h', 'g'], ['y']),
    ]
    const initializers = [
      ...[weight('w', [16, 12]), weight('b', [12]), weight('v', [8, 12])],
      ...[weight('e', [8]), weight('u', [8, 8])],
    ]
    const { ops, left } = await expectSame(net(shape, nodes, initializers), shape)
    // What a matrix product gives is not a code of its own accord: before and after the Transpose it is rounded.
    expect(left).toEqual([{ label: 'g', op: 'Transpose', why: 'its result has another grid' }])
    expect(ops.filter((op) => !/Linear$/.test(op))).toEqual([
      'QGemm',
      'QGemm',
      'QLinearMatMul',
      'Transpose',
      'MatMulIntegerToFloat',
    ])
  })

  it('sums, products, pools and activations', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      conv('x', 'k', 'a'),
      conv('x', 'l', 'b'),
      node('Add', ['a', 'b'], ['c']),
      node('LeakyRelu', ['c'], ['d'], { alpha: { float: 0.1 } }),
      node('Sigmoid', ['b'], ['s']),
      node('Mul', ['d', 's'], ['m']),
      node('Concat', ['m', 'a'], ['e'], { axis: 1 }),
      node('AveragePool', ['e'], ['f'], { kernel_shape: [2, 2] }),
      node('GlobalAveragePool', ['f'], ['g']),
      node('Flatten', ['g'], ['h']),
      node('Gemm', ['h', 'w', 'v'], ['y']),
    ]
    const initializers = [
      weight('k', [4, 4, 3, 3]),
      weight('l', [4, 4, 3, 3], 5),
      weight('w', [8, 3]),
      weight('v', [3]),
    ]
    const { ops, left } = await expectSame(net(shape, nodes, initializers), shape)
    expect(left).toEqual([])
    expect(ops).toEqual([
      ...['QuantizeLinear', 'QLinearConv', 'QLinearConv', 'QLinearAdd', 'QLinearLeakyRelu', 'QLinearSigmoid'],
      ...['QLinearMul', 'QLinearConcat', 'QLinearAveragePool', 'QLinearGlobalAveragePool', 'Flatten', 'QGemm'],
    ])
  })

  const pads = i64('i', [8], [0, 0, 1, 1, 0, 0, 1, 1])
  it.each([
    ['Reshape', ['a', 'i'], {}, i64('i', [4], [1, 8, 4, 8])],
    ['Transpose', ['a'], { perm: [0, 1, 3, 2] }, null],
    ['Squeeze', ['a', 'i'], {}, i64('i', [1], [0])],
    ['Unsqueeze', ['a', 'i'], {}, i64('i', [1], [0])],
    ['Slice', ['a', 'i', 'j'], {}, i64('i', [4], [0, 0, 1, 1])],
    ['Gather', ['a', 'i'], { axis: 1 }, i64('i', [2], [3, 1])],
    ['GatherElements', ['a', 'i'], { axis: 1 }, i64('i', [1, 2, 8, 8], new Array(128).fill(2))],
    ['Expand', ['a', 'i'], {}, i64('i', [4], [2, 4, 8, 8])],
    ['Tile', ['a', 'i'], {}, i64('i', [4], [1, 2, 1, 1])],
    ['DepthToSpace', ['a'], { blocksize: 2 }, null],
    ['SpaceToDepth', ['a'], { blocksize: 2 }, null],
    ['Identity', ['a'], {}, null],
    ['MaxPool', ['a'], { kernel_shape: [2, 2], strides: [2, 2] }, null],
    ['Pad', ['a', 'i'], {}, pads],
    ['Pad', ['a', 'i'], { mode: 'reflect' }, pads],
    [
      'Resize',
      ['a', '', 'j'],
      { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' },
      null,
    ],
  ] as const)('%s moves codes', async (op, inputs, attributes, indices) => {
    const shape = [1, 4, 8, 8]
    // A product that reads codes whatever the shape: what moved, times itself.
    const turn = op === 'Unsqueeze' ? [0, 1, 2, 4, 3] : op === 'Squeeze' ? [0, 2, 1] : [0, 1, 3, 2]
    const nodes = [
      conv('x', 'k', 'a'),
      node(op, [...inputs], ['m'], attributes),
      node('Transpose', ['m'], ['n'], { perm: turn }),
      node('MatMul', ['m', 'n'], ['y']),
    ]
    const ends = op === 'Slice' ? [i64('j', [4], [1, 4, 8, 8])] : op === 'Resize' ? [f32('j', [4], [1, 1, 2, 2])] : []
    const initializers = [weight('k', [4, 4, 3, 3]), ...(indices === null ? [] : [indices]), ...ends]
    const model = net(shape, nodes, initializers)
    const { ops, left } = await expectSame(model, shape)
    expect(left).toEqual([])
    expect(ops.filter((one) => one === 'DequantizeLinear')).toEqual([])
    expect(ops).toContain(op)
  })

  it('a product whose result moves before it is rounded', async () => {
    const shape = [2, 6, 8]
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Transpose', ['a'], ['b'], { perm: [1, 0, 2] }),
      node('Reshape', ['b', 'i'], ['c']),
      node('Relu', ['c'], ['d']),
      node('MatMul', ['d', 'v'], ['y']),
    ]
    const initializers = [weight('w', [8, 8]), weight('v', [16, 4]), i64('i', [2], [6, 16])]
    const { left, ops } = await expectSame(net(shape, nodes, initializers), shape)
    expect(left).toEqual([])
    expect(ops).toEqual(['QuantizeLinear', 'QLinearMatMul', 'Transpose', 'Reshape', 'MatMulIntegerToFloat'])
  })

  it('parts of a split', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      conv('x', 'k', 'a'),
      node('Split', ['a'], ['b', 'c'], { axis: 1 }),
      conv('b', 'l', 'd'),
      conv('c', 'l', 'e'),
      node('Add', ['d', 'e'], ['y']),
    ]
    const { left, ops } = await expectSame(
      net(shape, nodes, [weight('k', [4, 4, 3, 3]), weight('l', [4, 2, 3, 3])]),
      shape,
    )
    expect(left).toEqual([])
    expect(ops).not.toContain('DequantizeLinear')
  })
})

describe('what keeps its pairs', () => {
  it('a value that is also an output, and a Relu that its grid does not make needless', async () => {
    const shape = [1, 4, 8, 8]
    const nodes = [
      ...[conv('x', 'k', 'a'), node('Relu', ['a'], ['b']), node('Add', ['a', 'b'], ['c'])],
      ...[conv('c', 'k', 'y'), conv('y', 'k', 'z')],
    ]
    const built = net(shape, nodes, [weight('k', [4, 4, 3, 3])])
    const model = { ...built, graph: { ...built.graph, outputs: [...built.graph.outputs, value('z', 'f32')] } }
    const { left, ops } = await expectSame(model, shape)
    expect(ops).toEqual(expect.arrayContaining(['Relu', 'QLinearAdd', 'QLinearConv']))
    expect(left).toEqual([])
  })

  it('says why: float results and computed biases', async () => {
    const pair = (name: string): Node[] => [
      node('QuantizeLinear', [name, 's', 'z'], [`${name}q`]),
      node('DequantizeLinear', [`${name}q`, 's', 'z'], [`${name}d`]),
    ]
    const zero = {
      ...f32('z', [], [0]),
      dtype: 'u8' as const,
      storage: { kind: 'bytes' as const, bytes: Uint8Array.of(0), byteLength: 1 },
    }
    const nodes = [
      ...pair('x'),
      node('Conv', ['xd', 'xd', 'b'], ['a'], {}, { name: 'biased' }),
      ...pair('a'),
      node('Sigmoid', ['ad'], ['s1'], {}, { name: 'float' }),
      node('Tanh', ['s1'], ['y']),
    ]
    const model = net([1, 1, 4, 4], nodes, [f32('s', [], [0.01]), zero, f32('b', [1], [1])])
    const { model: same, left } = await toQOperators(model, bytesOf)
    expect(same).toBe(model)
    expect(left).toEqual([
      { label: 'biased', op: 'Conv', why: 'its bias is float' },
      { label: 'float', op: 'Sigmoid', why: 'its result is read in float' },
    ])
  })
})
