import { describe, expect, it } from 'vitest'
import { attribute, buildModel, f32, graph, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { foldBatchNorms } from './batch-norm.ts'
import { floatConstant } from './float-constants.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const random = (name: string, shape: readonly number[], seed = 1): TensorRef =>
  f32(
    name,
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )
const feed = (shape: readonly number[], seed = 9) =>
  [
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  ] as const
const positive = (name: string, channels: number): TensorRef =>
  f32(
    name,
    [channels],
    randomFloats(channels, 5).map((one) => one * one + 0.1),
  )

/** Statistics and parameters of a norm. */
const parameters = (channels: number, prefix = ''): TensorRef[] => [
  random(`${prefix}scale`, [channels], 2),
  random(`${prefix}bias`, [channels], 3),
  random(`${prefix}mean`, [channels], 4),
  positive(`${prefix}variance`, channels),
]
const norm = (from: string, to: string, attributes = {}, prefix = ''): Node =>
  node(
    'BatchNormalization',
    [from, ...['scale', 'bias', 'mean', 'variance'].map((name) => prefix + name)],
    [to],
    { epsilon: { float: 1e-3 }, ...attributes },
    { name: `norm of ${from}` },
  )
const operators = (model: Model): string[] => model.graph.nodes.map(({ op }) => op)
const model = (
  x: readonly number[],
  nodes: Node[],
  initializers: TensorRef[],
  rest: { opset?: number; y?: readonly (number | string)[]; ir?: number } = {},
): Model =>
  buildModel({
    nodes,
    initializers,
    inputs: [value('x', 'f32', x)],
    outputs: [value('y', 'f32', rest.y)],
    ...rest,
  })

interface Case {
  readonly name: string
  readonly x: readonly number[]
  readonly nodes: Node[]
  readonly constants: TensorRef[]
  readonly left: string[]
  readonly opset?: number
}

const CASES: readonly Case[] = [
  {
    name: 'Conv without bias',
    x: [1, 3, 5, 5],
    nodes: [node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1] }), norm('c', 'y')],
    constants: [random('w', [4, 3, 3, 3]), ...parameters(4)],
    left: ['Conv'],
  },
  {
    name: 'grouped Conv with bias, opset 8 with spatial',
    x: [1, 4, 5],
    nodes: [node('Conv', ['x', 'w', 'b'], ['c'], { group: 2 }), norm('c', 'y', { spatial: 1 })],
    constants: [random('w', [6, 2, 3]), random('b', [6]), ...parameters(6)],
    left: ['Conv'],
    opset: 8,
  },
  {
    name: 'grouped ConvTranspose',
    x: [1, 4, 3, 3],
    nodes: [
      node('ConvTranspose', ['x', 'w'], ['c'], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
      norm('c', 'y'),
    ],
    constants: [random('w', [4, 3, 3, 3]), ...parameters(6)],
    left: ['ConvTranspose'],
  },
  {
    name: 'Gemm with alpha, beta and transB',
    x: [3, 4],
    nodes: [
      node('Gemm', ['x', 'w', 'b'], ['c'], { transB: 1, alpha: { float: 0.5 }, beta: { float: 3 } }),
      norm('c', 'y'),
    ],
    constants: [random('w', [5, 4]), random('b', [1, 5]), ...parameters(5)],
    left: ['Gemm'],
  },
  {
    name: 'MatMul of rank 2',
    x: [3, 4],
    nodes: [node('MatMul', ['x', 'w'], ['c']), norm('c', 'y')],
    constants: [random('w', [4, 5]), ...parameters(5)],
    left: ['MatMul', 'Add'],
  },
  {
    name: 'MatMul, Add and norm',
    x: [3, 4],
    nodes: [node('MatMul', ['x', 'w'], ['c']), node('Add', ['b', 'c'], ['d']), norm('d', 'y')],
    constants: [random('w', [4, 5]), random('b', [5]), ...parameters(5)],
    left: ['MatMul', 'Add'],
  },
  {
    name: 'a scale behind MatMul, Add on more axes',
    x: [2, 3, 4],
    nodes: [node('MatMul', ['x', 'w'], ['c']), node('Add', ['c', 'b'], ['d']), node('Mul', ['d', 's'], ['y'])],
    constants: [random('w', [4, 5]), random('b', [5]), random('s', [5], 7)],
    left: ['MatMul', 'Add'],
  },
  {
    name: 'norm spelled out behind Conv',
    x: [1, 3, 5, 5],
    nodes: [
      node('Conv', ['x', 'w'], ['c']),
      node('Sub', ['c', 'm'], ['d']),
      node('Div', ['d', 's'], ['e']),
      node('Mul', ['g', 'e'], ['f']),
      node('Sub', ['o', 'f'], ['y']),
    ],
    constants: [
      random('w', [4, 3, 3, 3]),
      random('m', [1, 4, 1, 1], 2),
      f32('s', [4, 1, 1], [1, 2, 3, 4]),
      random('g', [4, 1, 1], 3),
      f32('o', [], [0.5]),
    ],
    left: ['Conv'],
  },
  {
    name: 'norm before Conv without padding',
    x: [1, 4, 5, 5],
    nodes: [
      node('Relu', ['x'], ['r']),
      norm('r', 'n'),
      node('Conv', ['n', 'w', 'b'], ['y'], { group: 2, pads: [0, 0, 0, 0] }),
    ],
    constants: [random('w', [6, 2, 3, 3]), random('b', [6]), ...parameters(4)],
    left: ['Relu', 'Conv'],
  },
  {
    name: 'norm before Gemm',
    x: [2, 4],
    nodes: [
      node('Relu', ['x'], ['r']),
      norm('r', 'n'),
      node('Gemm', ['n', 'w'], ['y'], { alpha: { float: 2 }, transB: 1 }),
    ],
    constants: [random('w', [3, 4]), ...parameters(4)],
    left: ['Relu', 'Gemm'],
  },
  {
    name: 'scaled input before a padded Conv',
    x: [1, 3, 5, 5],
    nodes: [node('Mul', ['x', 's'], ['n']), node('Conv', ['n', 'w'], ['y'], { pads: [1, 1, 1, 1] })],
    constants: [random('w', [2, 3, 3, 3]), random('s', [3, 1, 1])],
    left: ['Conv'],
  },
]

describe('foldBatchNorms', () => {
  it.each(CASES)('folds: $name', async ({ x, nodes, constants, left, opset = 17 }) => {
    const before = model(x, nodes, constants, { opset })
    let after = before
    for (let round = 0; round < 4; round++) after = (await foldBatchNorms(after, bytesOf)).model
    expect(operators(after)).toEqual(left)
    await expectSameOutputs(before, after, { x: feed(x) }, 1e-6)
  })

  it('folds a norm that names statistics of training nobody reads, and leaves one whose statistics are read', async () => {
    const norm = (outputs: readonly string[]): Node =>
      node('BatchNormalization', ['c', 'scale', 'bias', 'mean', 'variance'], outputs)
    const build = (outputs: readonly string[], given: readonly string[]): Model =>
      buildModel({
        opset: 9,
        nodes: [node('Conv', ['x', 'w'], ['c']), norm(outputs)],
        initializers: [random('w', [3, 2, 3, 3]), ...parameters(3)],
        inputs: [value('x', 'f32', [1, 2, 6, 6])],
        outputs: given.map((name) => value(name, 'f32')),
      })
    const fold = (model: Model) => foldBatchNorms(model, async (ref) => bytesOf(ref))
    const folded = await fold(build(['y', 'm', 'v', 'm1', 'v1'], ['y']))
    expect(folded.model.graph.nodes.map(({ op }) => op)).toEqual(['Conv'])
    await expectSameOutputs(build(['y'], ['y']), folded.model, { x: feed([1, 2, 6, 6]) }, 1e-5)
    const { done, left } = await fold(build(['y', 'm', 'v', 'm1', 'v1'], ['y', 'm']))
    expect([done.length, left[0]?.text]).toEqual([0, 'it gives out statistics'])
  })

  it('takes weights from Constant nodes and from initializers that are inputs', async () => {
    const [scale, ...others] = parameters(2)
    const weight = random('w', [2, 3, 1, 1])
    const before = buildModel({
      ir: 3,
      opset: 9,
      nodes: [
        { ...node('Constant', [], ['w']), attributes: [attribute('value', weight)] },
        node('Conv', ['x', 'w'], ['c']),
        norm('c', 'y'),
      ],
      initializers: [scale!, ...others],
      inputs: [value('x', 'f32', [1, 3, 2, 2]), ...[scale!, ...others].map(({ name }) => value(name, 'f32', [2]))],
      outputs: [value('y', 'f32', [1, 2, 2, 2])],
    })
    const { model: after, done } = await foldBatchNorms(before, bytesOf)
    expect(operators(after)).toEqual(['Conv'])
    expect(after.graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(done).toHaveLength(1)
    expect(done[0]).toMatchObject({ rewrite: 'batch-norm', node: 'norm of c' })
    await expectSameOutputs(before, after, { x: feed([1, 3, 2, 2]) }, 1e-6)
  })

  it('works in bodies, next to a weight of the graph around them', async () => {
    const body = (name: string, op: string) =>
      graph({
        name,
        nodes: [node('Conv', ['x', 'w'], [`${name}c`]), norm(`${name}c`, `${name}n`), node(op, [`${name}n`], [name])],
        outputs: [value(name, 'f32')],
      })
    const before = buildModel({
      nodes: [node('If', ['choice'], ['y'], { then_branch: body('a', 'Relu'), else_branch: body('b', 'Neg') })],
      initializers: [random('w', [2, 3, 1, 1]), ...parameters(2)],
      inputs: [value('choice', 'bool', []), value('x', 'f32', [1, 3, 2, 2])],
      outputs: [value('y', 'f32')],
    })
    const { model: after, done } = await foldBatchNorms(before, bytesOf)
    expect(done).toHaveLength(2)
    expect(after.graph.initializers).toEqual([])
    for (const choice of [0, 1]) {
      await expectSameOutputs(before, after, { x: feed([1, 3, 2, 2]), choice: [[], [choice], 'bool'] }, 1e-6)
    }
  })

  it('keeps one weight for two that become the same, and copies on request only', async () => {
    const twice = (prefix: string): Model =>
      model(
        [1, 3, 2, 2],
        [
          node('Neg', ['x'], ['z']),
          node('Conv', ['x', 'w'], ['c']),
          norm('c', 'p'),
          node('Conv', ['z', 'w'], ['d']),
          norm('d', 'q', {}, prefix),
          node('Add', ['p', 'q'], ['y']),
        ],
        [random('w', [2, 3, 1, 1]), ...parameters(2), ...(prefix ? [random('other scale', [2], 8)] : [])].concat(
          prefix ? parameters(2, prefix).slice(1) : [],
        ),
      )
    const equal = await foldBatchNorms(twice(''), bytesOf)
    expect(operators(equal.model)).toEqual(['Neg', 'Conv', 'Conv', 'Add'])
    expect(equal.model.graph.initializers.filter(({ shape }) => shape.length === 4)).toHaveLength(1)
    await expectSameOutputs(twice(''), equal.model, { x: feed([1, 3, 2, 2]) }, 1e-6)

    const different = await foldBatchNorms(twice('other '), bytesOf)
    expect(different.model).toEqual(twice('other '))
    expect(different.left.map(({ text }) => text)).toEqual(Array(2).fill('the weight "w" has other readers'))
    const split = await foldBatchNorms(twice('other '), bytesOf, { splitShared: true })
    expect(operators(split.model)).toEqual(['Neg', 'Conv', 'Conv', 'Add'])
    await expectSameOutputs(twice('other '), split.model, { x: feed([1, 3, 2, 2]) }, 1e-6)
  })

  it('keeps the type of half-precision weights', async () => {
    const half = (name: string, shape: readonly number[], seed: number): TensorRef =>
      floatConstant(
        name,
        'f16',
        shape,
        Float64Array.from(
          randomFloats(
            shape.reduce((a, b) => a * b, 1),
            seed,
          ),
        ),
      )
    const before = buildModel({
      nodes: [
        node('Cast', ['x'], ['h'], { to: 10 }),
        node('Conv', ['h', 'w'], ['c']),
        node('Mul', ['c', 's'], ['m']),
        node('Cast', ['m'], ['y'], { to: 1 }),
      ],
      initializers: [half('w', [2, 3, 1, 1], 1), half('s', [2, 1, 1], 2)],
      inputs: [value('x', 'f32', [1, 3, 2, 2])],
      outputs: [value('y', 'f32')],
    })
    const { model: after } = await foldBatchNorms(before, bytesOf)
    expect(after.graph.initializers.map(({ dtype }) => dtype)).toEqual(['f16'])
    await expectSameOutputs(before, after, { x: feed([1, 3, 2, 2]) }, 2e-3)
  })

  const conv = node('Conv', ['x', 'w'], ['c'])
  const kept: readonly [string, Node[], TensorRef[], string | undefined][] = [
    [
      'a value that is read elsewhere',
      [conv, norm('c', 'n'), node('Add', ['n', 'c'], ['y'])],
      parameters(3),
      'the value it reads has other readers',
    ],
    ['training', [conv, norm('c', 'y', { training_mode: 1 })], parameters(3), 'it is written for training'],
    [
      'a negative variance',
      [conv, norm('c', 'y')],
      [...parameters(3).slice(0, 3), f32('variance', [3], [1, -1, 1])],
      'its constants are not finite',
    ],
    [
      'padding between norm and Conv',
      [node('Relu', ['x'], ['r']), norm('r', 'n'), node('Conv', ['n', 'w'], ['y'], { pads: [1, 1, 1, 1] })],
      parameters(3),
      'no Conv, ConvTranspose, Gemm or MatMul with constants is beside it',
    ],
    ['a constant along the width', [conv, node('Mul', ['c', 's'], ['y'])], [f32('s', [3], [1, 2, 3])], undefined],
    [
      'a constant that adds an axis',
      [conv, node('Mul', ['c', 's'], ['y'])],
      [f32('s', [1, 1, 1, 1, 1], [2])],
      undefined,
    ],
  ]
  it.each(kept)('leaves %s', async (_name, nodes, constants, reason) => {
    const before = model([1, 3, 3, 3], nodes, [random('w', [3, 3, 1, 1]), ...constants])
    const { model: after, done, left } = await foldBatchNorms(before, bytesOf)
    expect(after).toBe(before)
    expect(done).toEqual([])
    expect(left.map(({ text }) => text)).toEqual(reason === undefined ? [] : [reason])
  })
})
