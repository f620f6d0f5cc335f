import { describe, expect, it } from 'vitest'
import { expectSameOutputs, type Feed } from '../../../../test/fixtures/lowered.ts'
import { plainGraph, plainModel } from '../../../../test/fixtures/plain-model.ts'
import { floatTensor, randomFloats } from '../../../../test/fixtures/quantized-weight.ts'
import type { DType } from '../../../model/dtype.ts'
import type { FunctionBody, Model, Node, TensorRef } from '../../../model/graph.ts'
import { type AttributeValue, int64s, makeNode } from '../../lowerings/make.ts'
import { raiseOpset } from './index.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}

interface Case {
  readonly name: string
  readonly from: number
  readonly to?: number
  readonly op: string
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly x: readonly number[]
  readonly dtype?: DType
  /** Shapes of outputs; null for unused ones. */
  readonly outputs?: readonly (readonly (number | string)[])[]
  readonly constants?: readonly TensorRef[]
  /** Optional: the largest difference, as a part of the largest value. */
  readonly tolerance?: number
  readonly outputTypes?: readonly DType[]
}

const f32 = (name: string, shape: readonly number[], seed = 3): TensorRef =>
  floatTensor(
    name,
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )
const exact = (name: string, values: readonly number[]): TensorRef =>
  floatTensor(name, [values.length], Float32Array.from(values))

const CASES: readonly Case[] = [
  { name: 'Squeeze axes', from: 11, op: 'Squeeze', attributes: { axes: [0, -1] }, x: [1, 3, 1] },
  { name: 'Squeeze without axes', from: 11, op: 'Squeeze', x: [1, 3, 1] },
  { name: 'Unsqueeze axes', from: 7, op: 'Unsqueeze', attributes: { axes: [0, 2] }, x: [3, 4] },
  { name: 'ReduceSum axes', from: 7, op: 'ReduceSum', attributes: { axes: [1], keepdims: 0 }, x: [3, 4, 2] },
  { name: 'ReduceSum of all', from: 11, op: 'ReduceSum', x: [3, 4] },
  ...[
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSumSquare',
  ].map((op): Case => ({ name: `${op} axes`, from: 13, op, attributes: { axes: [0, -1] }, x: [3, 4, 2] })),
  {
    name: 'Split sizes',
    from: 11,
    op: 'Split',
    attributes: { axis: 1, split: [1, 3] },
    x: [2, 4],
    outputs: [
      [2, 1],
      [2, 3],
    ],
  },
  {
    name: 'Split in equal parts',
    from: 7,
    op: 'Split',
    attributes: { axis: 1 },
    x: [2, 4],
    outputs: [
      [2, 2],
      [2, 2],
    ],
  },
  { name: 'Clip', from: 7, op: 'Clip', attributes: { min: { float: -0.25 }, max: { float: 0.5 } }, x: [3, 4] },
  { name: 'Clip above only', from: 10, op: 'Clip', attributes: { max: { float: 0.5 } }, x: [3, 4] },
  {
    name: 'Clip in half precision',
    from: 10,
    op: 'Clip',
    attributes: { min: { float: -0.25 } },
    x: [3, 4],
    dtype: 'f16',
  },
  {
    name: 'Pad with a value',
    from: 10,
    op: 'Pad',
    attributes: { pads: [0, 1, 2, 0], value: { float: 0.5 } },
    x: [2, 3],
  },
  { name: 'Pad by reflection', from: 7, op: 'Pad', attributes: { pads: [0, 1, 0, 1], mode: 'reflect' }, x: [2, 3] },
  {
    name: 'Slice',
    from: 7,
    op: 'Slice',
    attributes: { starts: [1, -3], ends: [2 ** 53 - 1, -1], axes: [0, 1] },
    x: [3, 4],
  },
  { name: 'Slice without axes', from: 9, op: 'Slice', attributes: { starts: [1, 0], ends: [3, 2] }, x: [3, 4] },
  {
    name: 'TopK',
    from: 9,
    op: 'TopK',
    attributes: { k: 2 },
    x: [3, 5],
    outputs: [
      [3, 2],
      [3, 2],
    ],
    outputTypes: ['f32', 'i64'],
  },
  { name: 'Dropout', from: 7, op: 'Dropout', attributes: { ratio: { float: 0.3 } }, x: [3, 4] },
  { name: 'Dropout before 12', from: 10, to: 11, op: 'Dropout', attributes: { ratio: { float: 0.3 } }, x: [3, 4] },
  {
    name: 'BatchNormalization',
    from: 7,
    op: 'BatchNormalization',
    attributes: { spatial: 1, epsilon: { float: 0.01 } },
    x: [2, 3, 4],
    constants: [f32('s', [3]), f32('b', [3], 4), f32('m', [3], 5), exact('v', [0.5, 1, 2])],
    tolerance: 1e-6,
  },
  {
    name: 'Upsample by attribute',
    from: 7,
    op: 'Upsample',
    attributes: { mode: 'nearest', scales: { floats: [1, 1, 2, 3] } },
    x: [1, 2, 3, 4],
  },
  {
    name: 'Upsample to 11',
    from: 7,
    to: 11,
    op: 'Upsample',
    attributes: { mode: 'linear', scales: { floats: [1, 1, 2, 3] } },
    x: [1, 2, 3, 4],
  },
  {
    name: 'Upsample linear',
    from: 9,
    op: 'Upsample',
    attributes: { mode: 'linear' },
    x: [1, 2, 3, 4],
    constants: [exact('s', [1, 1, 2, 2.5])],
    tolerance: 1e-6,
  },
  { name: 'Upsample nearest', from: 9, op: 'Upsample', x: [1, 2, 3, 4], constants: [exact('s', [1, 1, 2, 2.5])] },
  { name: 'Resize nearest up', from: 10, op: 'Resize', x: [1, 1, 5, 4], constants: [exact('s', [1, 1, 1.4, 2.5])] },
  { name: 'Resize nearest down', from: 10, op: 'Resize', x: [1, 1, 7, 8], constants: [exact('s', [1, 1, 0.6, 0.45])] },
  {
    name: 'Resize linear down',
    from: 10,
    op: 'Resize',
    attributes: { mode: 'linear' },
    x: [1, 1, 7, 8],
    constants: [exact('s', [1, 1, 0.6, 0.45])],
    tolerance: 1e-6,
  },
  {
    name: 'Resize with nearest of half pixels',
    from: 11,
    op: 'Resize',
    attributes: { coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' },
    x: [1, 1, 7, 8],
    constants: [exact('roi', []), exact('s', [1, 1, 1.6, 0.45])],
  },
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((op): Case[] => [
    { name: `${op} by default`, from: 11, op, x: [2, 3, 4], tolerance: 1e-6 },
    { name: `${op} on the last axis`, from: 7, op, attributes: { axis: 1 }, x: [3, 4], tolerance: 1e-6 },
    { name: `${op} on axis 0`, from: 11, op, attributes: { axis: 0 }, x: [2, 3], tolerance: 1e-6 },
    { name: `${op} on a negative axis`, from: 12, op, attributes: { axis: -2 }, x: [2, 3, 4], tolerance: 1e-6 },
    { name: `${op} on axis -1`, from: 12, op, attributes: { axis: -1 }, x: [2, 3, 4], tolerance: 1e-6 },
  ]),
  {
    name: 'GroupNormalization',
    from: 18,
    op: 'GroupNormalization',
    attributes: { num_groups: 2 },
    x: [2, 4, 3],
    constants: [f32('s', [2]), f32('b', [2], 4)],
    tolerance: 1e-6,
  },
  ...['bilinear', 'bicubic', 'nearest'].map(
    (mode): Case => ({
      name: `GridSample ${mode}`,
      from: 16,
      op: 'GridSample',
      attributes: { mode },
      x: [1, 2, 4, 4],
      constants: [f32('grid', [1, 3, 3, 2])],
      tolerance: 1e-6,
    }),
  ),
  {
    name: 'GridSample by default',
    from: 16,
    op: 'GridSample',
    x: [1, 2, 4, 4],
    constants: [f32('grid', [1, 3, 3, 2])],
  },
  { name: 'DFT', from: 17, op: 'DFT', attributes: { axis: 2 }, x: [1, 3, 4, 1], tolerance: 1e-5 },
  { name: 'DFT by default', from: 17, op: 'DFT', x: [1, 3, 4, 1], tolerance: 1e-5 },
  {
    name: 'Scatter',
    from: 9,
    op: 'Scatter',
    x: [3, 2],
    constants: [{ ...int64s('i', [2, 0]), shape: [1, 2] }, f32('u', [1, 2])],
  },
  {
    name: 'RoiAlign by default',
    from: 10,
    op: 'RoiAlign',
    attributes: { output_height: 2, output_width: 2 },
    x: [1, 1, 6, 6],
    constants: [floatTensor('r', [1, 4], Float32Array.of(0.5, 0.5, 4.5, 4.5)), int64s('n', [0])],
    tolerance: 1e-6,
  },
  { name: 'Swish', from: 24, to: 25, op: 'Swish', attributes: { alpha: { float: 1.5 } }, x: [3, 4], tolerance: 1e-6 },
  { name: 'nothing to do', from: 7, op: 'MaxPool', attributes: { kernel_shape: [2, 2] }, x: [1, 1, 4, 4] },
]

function modelOf(item: Case): Model {
  const outputs = (item.outputs ?? [undefined]).map((shape, index) => ({
    name: `y${index}`,
    dtype: item.outputTypes?.[index] ?? item.dtype ?? ('f32' as const),
    ...(shape === undefined ? {} : { shape }),
  }))
  const constants = item.constants ?? []
  const node = makeNode(
    item.op,
    ['x', ...constants.map((tensor) => tensor.name)],
    outputs.map((output) => output.name),
    item.attributes,
  )
  return plainModel({
    nodes: [node],
    initializers: constants,
    inputs: [{ name: 'x', dtype: item.dtype ?? 'f32', shape: item.x }],
    outputs,
    opset: item.from,
    irVersion: 8,
  })
}

async function raised(model: Model, to = 21): Promise<Model> {
  const result = await raiseOpset(model, to, bytesOf)
  if (!('model' in result)) throw new Error(result.text)
  expect(result.model.opsets[0]?.version).toBe(to)
  return result.model
}

async function refusal(model: Model, to = 21): Promise<string> {
  const result = await raiseOpset(model, to, bytesOf)
  return 'model' in result ? 'raised' : result.text
}

describe('each operator gives what it gave', () => {
  for (const item of CASES) {
    it(`${item.name}, ${item.from} to ${item.to ?? 21}`, async () => {
      const model = modelOf(item)
      const count = item.x.reduce((a, b) => a * b, 1)
      const feed: Feed = [item.x, randomFloats(count, 11), item.dtype ?? 'f32']
      await expectSameOutputs(model, await raised(model, item.to), { x: feed }, item.tolerance ?? 0)
    })
  }

  it('a Softmax of unknown rank is flattened, one of known rank is not', async () => {
    const known = modelOf({ name: '', from: 11, op: 'Softmax', attributes: { axis: 1 }, x: [3, 4] })
    expect((await raised(known)).graph.nodes.map((node) => node.op)).toEqual(['Softmax'])
    const { shape: _shape, ...input } = known.graph.inputs[0]!
    const unknown = { ...known, graph: { ...known.graph, inputs: [input] } }
    const after = await raised(unknown)
    expect(after.graph.nodes.map((node) => node.op)).toEqual(['Shape', 'Flatten', 'Softmax', 'Reshape'])
    await expectSameOutputs(unknown, after, { x: [[3, 4], randomFloats(12, 1)] }, 1e-6)
  })

  it('BatchNormalization whose statistics nobody reads', async () => {
    const item = CASES.find((one) => one.name === 'BatchNormalization')!
    const plain = modelOf({ ...item, attributes: {}, from: 9 })
    const node = { ...plain.graph.nodes[0]!, outputs: ['y0', 'mean', 'var', 'sm', 'sv'] }
    const model = { ...plain, graph: { ...plain.graph, nodes: [node] } }
    const after = await raised(model)
    expect(after.graph.nodes[0]?.outputs).toEqual(['y0'])
    await expectSameOutputs(plain, after, { x: [[2, 3, 4], randomFloats(24, 1)] }, 1e-6)
    const read = { ...model, graph: { ...model.graph, nodes: [node, makeNode('Neg', ['mean'], ['z'])] } }
    expect(await refusal(read)).toMatch(/training/)
  })
})

describe('everywhere in the model', () => {
  it('bodies of control flow', async () => {
    const body = (name: string, axes: readonly number[]) =>
      plainGraph({
        name,
        nodes: [
          makeNode('Unsqueeze', ['x'], [`${name}/u`], { axes }),
          makeNode('Squeeze', [`${name}/u`], [name], { axes }),
        ],
        outputs: [{ name, dtype: 'f32', shape: [2, 3] }],
      })
    const choose: Node = {
      ...makeNode('If', ['c'], ['y']),
      attributes: [
        { name: 'then_branch', kind: 'graph', value: body('t', [0]) },
        { name: 'else_branch', kind: 'graph', value: body('e', [2]) },
      ],
    }
    const model = plainModel({
      nodes: [choose],
      inputs: [
        { name: 'x', dtype: 'f32', shape: [2, 3] },
        { name: 'c', dtype: 'bool', shape: [] },
      ],
      outputs: [{ name: 'y', dtype: 'f32', shape: [2, 3] }],
      opset: 11,
      irVersion: 6,
    })
    const after = await raised(model)
    expect(after.irVersion).toBe(10)
    for (const condition of [0, 1]) {
      await expectSameOutputs(model, after, { x: [[2, 3], randomFloats(6, 1)], c: [[], [condition], 'bool'] }, 0)
    }
  })

  it('model-local functions, from the version they import', async () => {
    const body: FunctionBody = {
      domain: 'local',
      name: 'Twist',
      nodes: [makeNode('ReduceMean', ['a'], ['m'], { axes: [1] }), makeNode('Sub', ['a', 'm'], ['b'])],
      inputs: ['a'],
      outputs: ['b'],
      opsets: [{ domain: '', version: 15 }],
    }
    const plain = plainModel({
      nodes: [makeNode('Twist', ['x'], ['y'], {}, 'local')],
      inputs: [{ name: 'x', dtype: 'f32', shape: [2, 3] }],
      outputs: [{ name: 'y', dtype: 'f32', shape: [2, 3] }],
      opset: 15,
      irVersion: 8,
    })
    const model: Model = { ...plain, opsets: [...plain.opsets, { domain: 'local', version: 1 }], functions: [body] }
    const after = await raised(model)
    expect(after.functions[0]?.opsets).toEqual([{ domain: '', version: 21 }])
    expect(after.functions[0]?.nodes.map((node) => node.op)).toEqual(['Constant', 'ReduceMean', 'Sub'])
    await expectSameOutputs(model, after, { x: [[2, 3], randomFloats(6, 1)] }, 1e-6)
  })

  it('axes that a function takes as its own attribute', async () => {
    const reference = { name: 'axes', kind: 'ref', value: 'over' } as const
    const clipped = { name: 'max', kind: 'ref', value: 'limit' } as const
    const body: FunctionBody = {
      domain: 'local',
      name: 'Twist',
      nodes: [
        { ...makeNode('ReduceMean', ['a'], ['m']), attributes: [reference] },
        { ...makeNode('Clip', ['m'], ['b']), attributes: [clipped] },
      ],
      inputs: ['a'],
      outputs: ['b'],
      opsets: [{ domain: '', version: 10 }],
    }
    const call = makeNode('Twist', ['x'], ['y'], { over: [0, 2], limit: { float: 0.1 } }, 'local')
    const plain = plainModel({
      nodes: [call],
      inputs: [{ name: 'x', dtype: 'f32', shape: [2, 3, 4] }],
      outputs: [{ name: 'y', dtype: 'f32', shape: [1, 3, 1] }],
      opset: 10,
      irVersion: 8,
    })
    const model: Model = { ...plain, opsets: [...plain.opsets, { domain: 'local', version: 1 }], functions: [body] }
    await expectSameOutputs(model, await raised(model), { x: [[2, 3, 4], randomFloats(24, 1)] }, 1e-6)
  })

  it('keeps what does not change, and says what did', async () => {
    const model = modelOf({ name: '', from: 13, op: 'Relu', x: [2] })
    const same = await raiseOpset(model, 13, bytesOf)
    expect('model' in same && same.model.graph).toBe(model.graph)
    const result = await raiseOpset(modelOf(CASES[0]!), 21, bytesOf)
    expect('model' in result && result.notes).toEqual(['1 Squeeze rewritten for opset 21'])
    const relu = await raised(model)
    expect(relu.graph.nodes[0]).toBe(model.graph.nodes[0])
  })

  it('reads a Resize whose scales are a Constant node', async () => {
    const plain = modelOf({
      name: '',
      from: 10,
      op: 'Resize',
      x: [1, 1, 7, 8],
      constants: [exact('s', [1, 1, 0.6, 0.5])],
    })
    const value = plain.graph.initializers[0]!
    const constant: Node = {
      ...makeNode('Constant', [], ['s']),
      attributes: [{ name: 'value', kind: 'tensor', value }],
    }
    const model = { ...plain, graph: { ...plain.graph, initializers: [], nodes: [constant, ...plain.graph.nodes] } }
    await expectSameOutputs(model, await raised(model), { x: [[1, 1, 7, 8], randomFloats(56, 1)] }, 0)
  })
})

describe('refusals name the node', () => {
  const simple = (op: string, from: number, attributes: Record<string, AttributeValue> = {}): Model =>
    modelOf({ name: '', from, op, attributes, x: [2, 3, 4] })
  it('each', async () => {
    expect(await refusal(simple('Scan', 8))).toMatch(/Scan "y0\/Scan" scans over batches/)
    expect(await refusal(simple('BatchNormalization', 7, { spatial: 0 }))).toMatch(/spatial = 0/)
    expect(await refusal(simple('Add', 6))).toMatch(/opset 6/)
    expect(await refusal(simple('ImageScaler', 9))).toMatch(/does not exist/)
    expect(await refusal(simple('Relu', 13), 99)).toMatch(/newest/)
    expect(await refusal(simple('Not', 1))).toBe('raised')
    const dynamic = modelOf({ name: '', from: 10, op: 'Resize', x: [1, 1, 4, 4] })
    const computed = { ...dynamic, graph: { ...dynamic.graph, nodes: [makeNode('Resize', ['x', 's'], ['y0'])] } }
    expect(await refusal(computed)).toMatch(/computed/)
    const mixed = modelOf({
      name: '',
      from: 10,
      op: 'Resize',
      x: [1, 1, 4, 4],
      constants: [exact('s', [1, 1, 2, 0.5])],
    })
    expect(await refusal(mixed)).toMatch(/shrinks one axis/)
  })
})
