import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { integerOperators } from '../../../test/fixtures/integer-operators.ts'
import { relativeError } from '../../../test/fixtures/run-file.ts'
import { bytesOf, noise, pointsOf, runStatic, type StaticRun } from '../../../test/fixtures/static-model.ts'
import type { StaticWeight } from '../../model/activation.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import type { AskedForm } from '../placement/index.ts'
import { insertPairs } from './quantize-linear.ts'

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const weight = (name: string, shape: readonly number[], seed = 3): TensorRef =>
  f32(name, shape, noise(count(shape), seed))

function net(shape: readonly number[], nodes: readonly Node[], initializers: readonly TensorRef[], opset = 13): Model {
  return buildModel({
    opset,
    inputs: [value('x', 'f32', shape)],
    outputs: [value('y', 'f32')],
    initializers,
    nodes,
  })
}

const FORMS = ['loose', 'wide', 'dynamic', 'dynamic-wide'] as const
const isWide = (form: string): boolean => form.endsWith('wide')
const run = (model: Model, x: Float32Array, shape: readonly number[], forms: ReadonlyMap<string, AskedForm>) =>
  runStatic(model, { x: new Tensor('float32', x, shape) }, { forms })

/** Codes of x less their zero, and the scale, as the nodes of a form make them. */
function integersOf(x: Float32Array, form: (typeof FORMS)[number], { grids }: StaticRun) {
  const codes = (values: Float32Array, scale: number, zero: number): Float64Array =>
    Float64Array.from(
      values,
      (one) => Math.min(255, Math.max(0, roundHalfEven(Math.fround(one / scale)) + zero)) - zero,
    )
  if (form === 'dynamic' || form === 'dynamic-wide') {
    const low = x.reduce((a, b) => Math.min(a, b), 0)
    const high = x.reduce((a, b) => Math.max(a, b), 0)
    const scale = Math.fround(Math.fround(high - low) / 255)
    const upper = codes(x, scale, roundHalfEven(Math.fround(-low / scale)))
    if (form === 'dynamic') return { integers: upper, scale }
    const lower = codes(
      x.map((one, i) => one - Math.fround(upper[i]! * scale)),
      scale / 256,
      128,
    )
    return { integers: upper.map((one, i) => 256 * one + lower[i]!), scale: scale / 256 }
  }
  const [grid] = grids.values()
  const { scale, zero } = grid!
  if (form === 'loose') return { integers: codes(x, scale, zero), scale }
  const high = codes(x, 256 * scale, Math.floor(zero / 256))
  const rest = x.map((one, i) => one - Math.fround(high[i]! * 256 * scale))
  const low = codes(rest, scale, 128)
  return { integers: high.map((one, i) => 256 * one + low[i]!), scale }
}

function decoded({ codes, scales }: StaticWeight, channelOf: (index: number) => number): Float64Array {
  return Float64Array.from(bytesOf(codes), (one, i) => (one - 128) * scales[channelOf(i)]!)
}

/** y[n, o, p] of a padded, dilated, strided, grouped convolution, in doubles. */
function convolve(x: Float64Array, shape: readonly number[], w: Float64Array, kernel: readonly number[], how: Conv) {
  const { group = 1, pad = 0, stride = 1, dilation = 1 } = how
  const [batch, channels, ...sizes] = shape as [number, number, ...number[]]
  const [outputs, depth, ...window] = kernel as [number, number, ...number[]]
  const places = sizes.map((size, d) => Math.floor((size + 2 * pad - dilation * (window[d]! - 1) - 1) / stride) + 1)
  const y = new Float64Array(batch * outputs * count(places))
  const at = (index: number, of: readonly number[]): number[] => {
    const found = new Array<number>(of.length)
    for (let d = of.length - 1, left = index; d >= 0; d--) {
      found[d] = left % of[d]!
      left = Math.floor(left / of[d]!)
    }
    return found
  }
  for (let i = 0; i < y.length; i++) {
    const [n, o, ...place] = at(i, [batch, outputs, ...places]) as [number, number, ...number[]]
    const first = Math.floor(o / (outputs / group)) * depth
    for (let k = 0; k < depth * count(window); k++) {
      const [c, ...offset] = at(k, [depth, ...window]) as [number, ...number[]]
      const position = place.map((one, d) => one * stride - pad + offset[d]! * dilation)
      if (position.some((one, d) => one < 0 || one >= sizes[d]!)) continue
      const index = position.reduce((sum, one, d) => sum * sizes[d]! + one, n * channels + first + c)
      y[i]! += x[index]! * w[o * depth * count(window) + k]!
    }
  }
  return y
}

interface Conv {
  readonly group?: number
  readonly pad?: number
  readonly stride?: number
  readonly dilation?: number
}

/** What all forms promise: both ways of running agree, and the error is that of the codes. */
async function expectForm(result: StaticRun, exact: Float64Array, form: (typeof FORMS)[number]) {
  const most = exact.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
  const wanted = result.float[0]!
  for (const found of [result.fused[0]!, result.unfused[0]!]) {
    expect(found.length).toBe(exact.length)
    expect(found.reduce((worst, one, i) => Math.max(worst, Math.abs(one - exact[i]!)), 0)).toBeLessThan(1e-6 * most)
    expect(relativeError(wanted, found)).toBeLessThan(isWide(form) ? 0.01 : 0.015)
  }
  const operators = await integerOperators(result.lowered)
  expect(operators.filter((op) => /^(Fused)?(Conv|Gemm|MatMul)$/.test(op))).toEqual([])
  return operators
}

describe.each(FORMS)('integers in, floats out: %s', (form) => {
  it.each([
    ['1-D', [2, 6, 20], [8, 6, 3], { pad: 2 }],
    ['2-D, grouped, strided', [1, 6, 9, 9], [8, 3, 3, 3], { group: 2, stride: 2, pad: 1 }],
    ['depthwise', [1, 6, 9, 9], [6, 1, 3, 3], { group: 6, pad: 1 }],
    ['dilated', [1, 6, 9, 9], [8, 6, 3, 3], { dilation: 2, pad: 2 }],
    ['3-D', [1, 4, 5, 5, 5], [6, 4, 2, 2, 2], { pad: 1 }],
  ] as const)('Conv %s', async (_, shape, kernel, how: Conv) => {
    const { group = 1, pad = 0, stride = 1, dilation = 1 } = how
    const spread = (one: number): number[] => kernel.slice(2).map(() => one)
    const attributes = {
      ...{ kernel_shape: kernel.slice(2), pads: [...spread(pad), ...spread(pad)] },
      ...{ strides: spread(stride), dilations: spread(dilation), group },
    }
    // Not around zero, so that padding with another number than the zero of the grid would show.
    const x = noise(count(shape), 7).map((one) => one + 0.6)
    const bias = weight('b', [kernel[0]], 9)
    const model = net(shape, [node('Conv', ['x', 'w', 'b'], ['y'], attributes)], [weight('w', kernel), bias])
    const result = await run(model, x, shape, new Map([['y', form]]))
    expect(result.placement.products[0]!.form).toBe(form === 'loose' ? 'conv-integer' : form)
    const { integers, scale } = integersOf(x, form, result)
    const inner = count(kernel.slice(1))
    const w = decoded(result.weights.get('w')!, (i) => Math.floor(i / inner))
    const sums = convolve(integers, shape, w, kernel, how)
    const places = sums.length / shape[0] / kernel[0]
    const added = new Float32Array(bytesOf(bias).buffer)
    const exact = sums.map((one, i) => scale * one + added[Math.floor(i / places) % kernel[0]]!)
    expect(await expectForm(result, exact, form)).toContain('ConvInteger')
  })

  it.each([
    ['MatMul', [6, 16], [16, 12], {}],
    ['MatMul of a stack', [3, 6, 16], [3, 16, 12], {}],
    ['Gemm', [6, 16], [16, 12], {}],
    ['Gemm, transposed weight', [6, 16], [12, 16], { transB: 1 }],
    ['Gemm, transposed twice', [16, 6], [12, 16], { transA: 1, transB: 1 }],
    ['MatMul and Add', [2, 6, 16], [16, 12], {}],
  ] as const)('%s', async (name, shape, matrix, attributes) => {
    const turned = 'transB' in attributes
    const op = name.startsWith('Gemm') ? 'Gemm' : 'MatMul'
    const stacked = matrix.length === 3
    const adds = name.endsWith('Add')
    const bias = weight('b', [12], 9)
    const nodes = adds
      ? [node('MatMul', ['x', 'w'], ['p']), node('Add', ['p', 'b'], ['y'])]
      : [node(op, op === 'Gemm' ? ['x', 'w', 'b'] : ['x', 'w'], ['y'], attributes)]
    const x = noise(count(shape), 7).map((one) => one + 0.6)
    const model = net(shape, nodes, [weight('w', matrix), bias])
    const result = await run(model, x, shape, new Map([[adds ? 'p' : 'y', form]]))
    expect(result.placement.products[0]!.form).toBe(form)
    const { integers, scale } = integersOf(x, form, result)
    const made = result.weights.get('w')!
    expect(made.scales.length).toBe(12)
    const w = decoded(made, (i) => (turned ? Math.floor(i / 16) : i % 12))
    const rows = count(shape) / 16
    const exact = new Float64Array(rows * 12)
    for (let i = 0; i < exact.length; i++) {
      const [row, column] = [Math.floor(i / 12), i % 12]
      const base = stacked ? Math.floor(row / 6) * 16 * 12 : 0
      for (let k = 0; k < 16; k++) {
        const a = integers['transA' in attributes ? k * rows + row : row * 16 + k]!
        exact[i]! += scale * a * w[turned ? column * 16 + k : base + k * 12 + column]!
      }
      if (op === 'Gemm' || adds) exact[i]! += new Float32Array(bytesOf(bias).buffer)[column]!
    }
    const operators = await expectForm(result, exact, form)
    expect(operators.some((one) => /^(MatMulInteger(ToFloat)?|DynamicQuantizeMatMul)$/.test(one))).toBe(true)
  })

  it('two activations', async () => {
    const shape = [2, 6, 16]
    const nodes = [node('Transpose', ['x'], ['t'], { perm: [0, 2, 1] }), node('MatMul', ['x', 't'], ['y'])]
    const result = await run(net(shape, nodes, []), noise(count(shape), 7), shape, new Map([['y', form]]))
    const most = isWide(form) ? 2e-5 : 0.01
    expect(relativeError(result.float[0]!, result.fused[0])).toBeLessThan(most)
    expect(relativeError(result.fused[0]!, result.unfused[0])).toBeLessThan(1e-6)
    expect(result.lowered.graph.nodes.filter(({ op }) => op === 'MatMulInteger').length).toBe(isWide(form) ? 4 : 1)
  })

  it('codes of a value are made once for all that read it', async () => {
    const shape = [1, 4, 6, 6]
    const nodes = [
      node('Conv', ['x', 'w'], ['a']),
      node('Conv', ['x', 'v'], ['b']),
      node('Mul', ['a', 'b'], ['c']),
      node('Sigmoid', ['c'], ['y']),
    ]
    const model = net(shape, nodes, [weight('w', [4, 4, 1, 1]), weight('v', [4, 4, 1, 1], 5)])
    const forms = new Map([
      ['a', form],
      ['b', form],
    ] as const)
    const { lowered, float, fused } = await run(model, noise(144, 7), shape, forms)
    const ops = lowered.graph.nodes.map(({ op }) => op)
    expect(ops.filter((op) => /QuantizeLinear$/.test(op) && op !== 'DequantizeLinear').length).toBe(
      isWide(form) ? 2 : 1,
    )
    expect(relativeError(float[0]!, fused[0])).toBeLessThan(0.01)
  })
})

describe('forms beside each other', () => {
  const shape = [1, 4, 8, 8]
  const conv = (input: string, kernel: string, output: string): Node =>
    node('Conv', [input, kernel], [output], { kernel_shape: [1, 1] })
  const kernels = ['k', 'l', 'm'].map((name, i) => weight(name, [4, 4, 1, 1], 3 + i))

  it('one value, read by pairs and wide: it stays float, and both round it', async () => {
    const nodes = [conv('x', 'k', 'a'), node('Relu', ['a'], ['r']), conv('r', 'l', 'b'), conv('r', 'm', 'c')]
    const model = net(shape, [...nodes, node('Add', ['b', 'c'], ['y'])], kernels)
    const result = await run(model, noise(256, 7), shape, new Map([['c', 'wide']]))
    const { points, products } = result.placement
    expect(points.map(({ value, precision }) => [value, precision])).toEqual([
      ['x', undefined],
      ['r', undefined],
      ['r', 'wide'],
    ])
    expect(new Set(points.map(({ group }) => group)).size).toBe(3)
    expect(points.every(({ readers }) => readers === 'products')).toBe(true)
    expect(products.map(({ form }) => form)).toEqual(['conv-integer', 'conv-integer', 'wide'])
    expect(result.placement.multiplyAdds).toEqual({ integer: 3 * 1024, total: 3 * 1024, doubled: 1024 })
    expect(relativeError(result.float[0]!, result.fused[0])).toBeLessThan(0.02)
    expect(relativeError(result.fused[0]!, result.unfused[0])).toBeLessThan(1e-6)
  })

  it('what a wide product reads is given in float by matrices too, and it gives floats to pairs', async () => {
    const matrices = ['k', 'l', 'm'].map((name, i) => weight(name, [8, 8], 3 + i))
    const nodes = [
      node('MatMul', ['x', 'k'], ['a']),
      node('MatMul', ['a', 'l'], ['b']),
      node('MatMul', ['b', 'm'], ['y']),
    ]
    const result = await run(net([6, 8], nodes, matrices), noise(48, 7), [6, 8], new Map([['b', 'wide']]))
    expect(result.placement.products.map(({ form }) => form)).toEqual(['loose', 'wide', 'qdq'])
    expect(pointsOf(result.placement).get('b')!.readers).toBe('products')
    expect(relativeError(result.float[0]!, result.fused[0])).toBeLessThan(0.02)
    expect(relativeError(result.fused[0]!, result.unfused[0])).toBeLessThan(1e-6)
  })

  it('what nothing reads in float is not decoded', async () => {
    const nodes = [conv('x', 'k', 'a'), conv('a', 'l', 'b'), conv('b', 'm', 'y')]
    const { lowered, placement } = await run(net(shape, nodes, kernels), noise(256, 7), shape, new Map())
    expect(placement.products.map(({ form }) => form)).toEqual(['qdq', 'qdq', 'conv-integer'])
    const names = lowered.graph.nodes.filter(({ op }) => op === 'DequantizeLinear').map(({ outputs }) => outputs[0])
    expect(names.sort()).toEqual(['a', 'k', 'l', 'x/rounded'])
  })

  it('a value that only dynamic products read needs no grid', async () => {
    const nodes = [conv('x', 'k', 'a'), node('Relu', ['a'], ['r']), conv('r', 'l', 'y')]
    const model = net(shape, nodes, kernels)
    const forms = new Map([['y', 'dynamic']] as const)
    const result = await run(model, noise(256, 7), shape, forms)
    expect(result.placement.points.map(({ value }) => value)).toEqual(['x'])
    expect(relativeError(result.float[0]!, result.fused[0])).toBeLessThan(0.02)
  })

  it('float with its reason, and what a pattern leaves float when it is asked for', async () => {
    const nodes = [node('Softmax', ['x'], ['s'], { axis: 3 }), node('MatMul', ['s', 'w'], ['y'])]
    const model = net(shape, nodes, [weight('w', [8, 1])])
    const of = async (form: AskedForm) => {
      const options = { forms: new Map([['y', form]]), formReasons: new Map([['y', 'because']]) }
      return (await runStatic(model, { x: new Tensor('float32', noise(256, 7), shape) }, options)).placement
    }
    expect((await of('wide')).products[0]!.form).toBe('wide')
    expect((await of('float')).float).toContainEqual(expect.objectContaining({ code: 'expectation' }))
    const plain = net([6, 8], [node('MatMul', ['x', 'w'], ['y'])], [weight('w', [8, 8])])
    const options = { forms: new Map([['y', 'float']] as const), formReasons: new Map([['y', 'because']]) }
    const { placement } = await runStatic(plain, { x: new Tensor('float32', noise(48, 7), [6, 8]) }, options)
    expect(placement.float).toMatchObject([{ code: 'measured', text: 'because' }])
    expect(placement.points).toEqual([])
  })

  it('refuses a wide grid that two codes cannot hold', async () => {
    const model = net(shape, [conv('x', 'k', 'y')], kernels)
    const { placement, grids, weights } = await run(model, noise(256, 7), shape, new Map([['y', 'wide']]))
    const [group, grid] = [...grids][0]!
    const wrong = new Map([[group, { ...grid, zero: 7 }]])
    const inputs = { grids: wrong, weights, biases: new Map() }
    expect(() => insertPairs(model, placement, inputs)).toThrow(expect.objectContaining({ code: 'E_PLAN' }))
  })
})
