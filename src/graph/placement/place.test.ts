import { describe, expect, it } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { bytesOf, noise, place, pointsOf } from '../../../test/fixtures/static-model.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { ortNodeCpu } from '../../targets/ort-node-cpu.ts'
import { placeActivations } from './place.ts'

const weight = (name: string, shape: readonly number[]): TensorRef =>
  f32(name, shape, noise(shape.reduce((a, b) => a * b, 1)))
const conv = (input: string, kernel: string, output: string, more = {}): Node =>
  node('Conv', [input, kernel], [output], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], ...more }, { name: output })
const net = (nodes: readonly Node[], outputs: readonly string[], initializers: readonly TensorRef[], opset = 17) =>
  buildModel({
    opset,
    inputs: [value('x', 'f32', [1, 4, 8, 8])],
    outputs: outputs.map((name) => value(name, 'f32')),
    initializers,
    nodes,
  })
const K1 = weight('k1', [4, 4, 3, 3])
const K2 = weight('k2', [4, 4, 3, 3])
const K3 = weight('k3', [4, 4, 3, 3])

describe('placement', () => {
  it('puts the pair behind a Relu, none between; the last convolution gives floats', async () => {
    const model = net([conv('x', 'k1', 'a'), node('Relu', ['a'], ['b']), conv('b', 'k2', 'y')], ['y'], [K1, K2])
    const placement = await place(model)
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'b'])
    expect(pointsOf(placement).get('x')!.readers).toBe('products')
    expect(pointsOf(placement).get('b')!).toMatchObject({ readers: 'all', bounds: { min: 0 } })
    expect(placement.products.map(({ form }) => form)).toEqual(['qdq', 'conv-integer'])
    const loose = await place(model, { loose: 'qdq' })
    expect([...pointsOf(loose).keys()]).toEqual(['x', 'b', 'y'])
  })

  it('matrix products that onnxruntime would run in float for the Relu behind them take no pairs', async () => {
    const formsOf = async (last: readonly Node[]) => {
      const first = [node('MatMul', ['x', 'w'], ['a']), node('Relu', ['a'], ['b'])]
      const { products } = await place(net([...first, ...last], ['y'], [weight('w', [4, 8, 6]), weight('v', [6, 5])]))
      return products.map(({ form, weight: its }) => [form, its?.axis])
    }
    expect(await formsOf([node('Erf', ['b'], ['y'])])).toEqual([['loose', 2]])
    expect(await formsOf([node('Identity', ['a'], ['y'])])).toEqual([['qdq', null]])
    const product = node('MatMul', ['b', 'v'], ['c'])
    expect((await formsOf([product, node('Erf', ['c'], ['y'])]))[0]).toEqual(['qdq', null])
  })

  it('keeps a pair between when the Relu is not the only reader', async () => {
    const nodes = [
      conv('x', 'k1', 'a'),
      node('Relu', ['a'], ['b']),
      node('Add', ['a', 'b'], ['c']),
      conv('c', 'k2', 'y'),
    ]
    expect([...pointsOf(await place(net(nodes, ['y'], [K1, K2]))).keys()]).toEqual(['x', 'a', 'b', 'c'])
  })

  it('lets a sum of codes and of a float that is rounded for a product run in float, and give codes', async () => {
    const nodes = [
      conv('x', 'k1', 'a'),
      node('Relu', ['a'], ['b']),
      conv('b', 'k2', 'c'),
      node('Add', ['c', 'b'], ['d']),
      conv('d', 'k3', 'e'),
      node('Add', ['e', 'd'], ['f']),
      conv('f', 'k1', 'y'),
    ]
    const model = net(nodes, ['y'], [K1, K2, K3])
    const placement = await place(model, { forms: new Map([['a', 'float']]) })
    expect(placement.integerNodes.map(({ outputs }) => outputs[0])).toEqual(['f'])
    expect(placement.float.map(({ node: { op, outputs }, code }) => [op, outputs[0], code])).toEqual([
      ['Conv', 'a', 'measured'],
      ['Add', 'd', 'mixed'],
    ])
    const points = pointsOf(placement)
    expect([...points.keys()]).toEqual(['b', 'c', 'd', 'e', 'f'])
    expect(points.get('b')!.readers).toBe('products')
    expect(points.get('d')!.because.code).toBe('between')
  })

  it('reads the limits of Clip from constants and from attributes', async () => {
    const limits = [f32('low', [], [0]), f32('high', [], [6])]
    const nodes = [conv('x', 'k1', 'a'), node('Clip', ['a', 'low', 'high'], ['b']), conv('b', 'k2', 'y')]
    const bounds = pointsOf(await place(net(nodes, ['y'], [K1, K2, ...limits]))).get('b')!.bounds
    expect(bounds).toEqual({ min: 0, max: 6 })
    const old = [
      conv('x', 'k1', 'a'),
      node('Clip', ['a'], ['b'], { min: { float: 0 }, max: { float: 6 } }),
      conv('b', 'k2', 'y'),
    ]
    expect(pointsOf(await place(net(old, ['y'], [K1, K2], 9))).get('b')!.bounds).toEqual(bounds)
  })

  it('shares one grid over what only moves elements and over a Concat that alone reads its inputs', async () => {
    const nodes = [
      conv('x', 'k1', 'a'),
      conv('x', 'k2', 'b'),
      node('Concat', ['a', 'b'], ['c'], { axis: 1 }),
      node('MaxPool', ['c'], ['d'], { kernel_shape: [2, 2] }),
      node('Conv', ['d', 'k4'], ['y']),
    ]
    const points = pointsOf(await place(net(nodes, ['y'], [K1, K2, weight('k4', [4, 8, 1, 1])])))
    expect(new Set(['a', 'b', 'c', 'd'].map((name) => points.get(name)!.group))).toEqual(new Set(['a']))
    expect(points.get('x')!.group).toBe('x')
    expect(points.get('d')!.because.code).toBe('moved')
  })

  it('does not share a grid that a Clip before it could not be absorbed by', async () => {
    const limits = [f32('low', [], [0]), f32('high', [], [6])]
    const nodes = [
      conv('x', 'k1', 'a'),
      node('Clip', ['a', 'low', 'high'], ['b']),
      conv('x', 'k2', 'c'),
      node('Concat', ['b', 'c'], ['d'], { axis: 1 }),
      node('Conv', ['d', 'k4'], ['y']),
    ]
    const points = pointsOf(await place(net(nodes, ['y'], [K1, K2, weight('k4', [4, 8, 1, 1]), ...limits])))
    expect(points.get('b')!.group).not.toBe(points.get('d')!.group)
    expect(points.get('c')!.group).toBe(points.get('d')!.group)
  })

  it('sums of codes are codes, or floats on request', async () => {
    const nodes = [
      ...[conv('x', 'k1', 'a'), conv('a', 'k2', 'b'), node('Add', ['a', 'b'], ['c'])],
      ...[conv('c', 'k3', 'd'), node('Add', ['c', 'd'], ['e']), conv('e', 'k1', 'y')],
    ]
    const model = net(nodes, ['y'], [K1, K2, K3])
    expect(pointsOf(await place(model)).get('c')!.readers).toBe('all')
    expect(pointsOf(await place(model, { sums: 'float' })).get('c')!.readers).toBe('products')
  })

  it('leaves a sum with a float operand, and what feeds only it, in float', async () => {
    const nodes = [
      node('InstanceNormalization', ['x', 's', 's'], ['n']),
      ...[conv('x', 'k1', 'a'), node('Add', ['a', 'n'], ['b']), conv('b', 'k2', 'y')],
    ]
    const placement = await place(net(nodes, ['y'], [K1, K2, f32('s', [4], [1, 1, 1, 1])]))
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'b'])
    expect(placement.products[0]!.form).toBe('conv-integer')
    expect(Object.fromEntries(placement.floatCounts)).toEqual({ norm: 1, mixed: 1 })
  })

  it('heads, box arithmetic and probabilities stay float and are counted', async () => {
    const nodes = [
      conv('x', 'k1', 'a'),
      conv('a', 'k2', 'b'),
      ...[node('Sigmoid', ['b'], ['p']), node('Exp', ['b'], ['e']), node('Mul', ['e', 'p'], ['m'])],
      node('Concat', ['m', 'p'], ['y'], { axis: 1 }),
    ]
    const placement = await place(net(nodes, ['y'], [K1, K2]))
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'a'])
    expect(Object.fromEntries(placement.floatCounts)).toEqual({ head: 4 })
    expect(placement.products.map(({ form }) => form)).toEqual(['qdq', 'conv-integer'])
  })

  it('an expectation over a softmax stays float, a spectrum is computed from 16 bits', async () => {
    const boxes = [node('Softmax', ['x'], ['s'], { axis: 3 }), node('MatMul', ['s', 'w'], ['y'])]
    const expected = await place(net(boxes, ['y'], [f32('w', [8, 1], noise(8))]))
    expect(expected.products[0]!.form).toBe('stored')
    expect([...expected.floatCounts]).toContainEqual(['expectation', 1])
    const spectrum = [
      ...[conv('x', 'k1', 'a'), node('Mul', ['a', 'a'], ['b']), node('Sqrt', ['b'], ['c']), conv('c', 'k2', 'd')],
      conv('d', 'k3', 'y'),
    ]
    const front = await place(net(spectrum, ['y'], [K1, K2, K3]))
    expect(front.products.map(({ form }) => form)).toEqual(['dynamic-wide', 'qdq', 'conv-integer'])
    expect(front.products[0]!.because).toMatch(/spectrum/)
    expect(pointsOf(front).has('x')).toBe(false)
    const kept = await place(net(spectrum, ['y'], [K1, K2, K3]), { keep: new Set(['a']) })
    expect(kept.products[0]!.form).toBe('stored')
    const asked = await place(net(spectrum, ['y'], [K1, K2, K3]), { forms: new Map([['a', 'wide']]) })
    expect(asked.products[0]!.form).toBe('wide')
  })

  it.each([
    ['Gemm with alpha', 'attributes', node('Gemm', ['x', 'w'], ['y'], { alpha: { float: 2 } }), [weight('w', [8, 8])]],
    [
      'half precision',
      'not-float32',
      node('MatMul', ['x', 'w'], ['y']),
      [tensor('w', 'f16', [8, 8], new Uint8Array(128))],
    ],
    ['ConvTranspose', 'transposed', node('ConvTranspose', ['x', 'w'], ['y']), [weight('w', [4, 2, 3, 3])]],
    ['a computed kernel', 'not-constant', node('Conv', ['x', 'x'], ['y']), []],
    ['GRU', 'recurrent', node('GRU', ['x', 'w', 'w'], ['y']), [weight('w', [1, 8, 8])]],
    ['LSTM of computed weights', 'recurrent', node('LSTM', ['x', 'x', 'x'], ['y']), []],
  ] as const)('%s: %s', async (_, code, one, initializers) => {
    const placement = await place(net([one], ['y'], initializers))
    expect([...placement.floatCounts]).toEqual([[code, 1]])
    expect(placement.points).toEqual([])
    expect(placement.products.every(({ form }) => form === 'stored')).toBe(true)
  })

  it('an LSTM is no float node where it has an operator with ranges of run time', async () => {
    const model = net([node('LSTM', ['x', 'w', 'w'], ['y'])], ['y'], [weight('w', [1, 8, 8])])
    expect(await place(model)).toMatchObject({ float: [], recurrent: [{ op: 'LSTM' }] })
    const target = { ...ortNodeCpu, dynamicQuantizeLstm: false }
    const without = await placeActivations(model, target, { readSmall: bytesOf })
    expect(without).toMatchObject({ float: [{ code: 'recurrent' }], recurrent: [] })
  })

  it('products in bodies are counted, integer tensors are not touched', async () => {
    const body = graph({ outputs: [value('z')], nodes: [node('MatMul', ['x', 'w'], ['z'])] })
    const nodes = [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'first'], ['n']),
      node('If', ['c'], ['y'], { then_branch: body, else_branch: body }, { name: 'if' }),
    ]
    const c = tensor('c', 'bool', [], Uint8Array.of(1))
    const placement = await place(net(nodes, ['y', 'n'], [weight('w', [8, 8]), i64('first', [], [0]), c]))
    expect(placement.floatCounts.get('body')).toBe(2)
    expect(placement.points).toEqual([])
  })

  it('counts multiply-adds where shapes are known, and keeps what is asked', async () => {
    const model = net([conv('x', 'k1', 'a'), conv('a', 'k2', 'y')], ['y'], [K1, K2])
    const one = 4 * 64 * 36
    expect((await place(model)).multiplyAdds).toEqual({ integer: 2 * one, total: 2 * one, doubled: 0 })
    const kept = await place(model, { keep: new Set(['y']) })
    expect(kept.multiplyAdds).toEqual({ integer: one, total: 2 * one, doubled: 0 })
    const left = net([node('MatMul', ['w', 'x'], ['y'])], ['y'], [weight('w', [5, 8])])
    expect((await place(left)).multiplyAdds?.total).toBe(4 * 5 * 8 * 8)
  })
})
