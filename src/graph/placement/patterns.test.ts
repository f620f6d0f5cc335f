import { describe, expect, it } from 'vitest'
import { buildModel, f32, i64, node, value } from '../../../test/fixtures/build.ts'
import { noise, place, pointsOf } from '../../../test/fixtures/static-model.ts'
import type { Node, TensorRef } from '../../model/graph.ts'

const weight = (name: string, shape: readonly number[]): TensorRef =>
  f32(name, shape, noise(shape.reduce((a, b) => a * b, 1)))
const conv = (input: string, kernel: string, output: string): Node =>
  node('Conv', [input, kernel], [output], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { name: output })
const net = (nodes: readonly Node[], outputs: readonly string[], initializers: readonly TensorRef[]) =>
  buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [1, 8, 8, 8])],
    outputs: outputs.map((name) => value(name, 'f32')),
    initializers,
    nodes,
  })

/** YOLO as exported with its decoding: [1, 8, 8, 8] of two anchors by (x, y, size, score). */
const yolo: readonly Node[] = [
  conv('x', 'k1', 'stem'),
  node('Relu', ['stem'], ['act']),
  conv('act', 'k2', 'head'),
  node('Reshape', ['head', 'rows'], ['flat']),
  node('Transpose', ['flat'], ['turned'], { perm: [0, 2, 1] }),
  node('Sigmoid', ['turned'], ['all']),
  node('Split', ['all', 'parts'], ['centre', 'size', 'score'], { axis: 2 }),
  node('Mul', ['centre', 'stride'], ['cells']),
  node('Add', ['cells', 'grid'], ['where']),
  node('Pow', ['size', 'two'], ['squared']),
  node('Mul', ['squared', 'anchors'], ['extent']),
  node('Concat', ['where', 'extent', 'score'], ['boxes'], { axis: 2 }),
]
const constants: readonly TensorRef[] = [
  ...[
    weight('k1', [8, 8, 3, 3]),
    weight('k2', [8, 8, 3, 3]),
    i64('rows', [3], [1, 8, 64]),
    i64('parts', [3], [2, 2, 4]),
  ],
  ...[f32('stride', [], [320]), f32('two', [], [2]), f32('anchors', [2], [30, 60])],
  f32('grid', [1, 64, 2], noise(128)),
]

describe('heads of detectors', () => {
  it('YOLO: decoding stays float, convolutions in front give floats', async () => {
    const placement = await place(net(yolo, ['boxes'], constants))
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'act'])
    expect(placement.products.map(({ form }) => form)).toEqual(['qdq', 'conv-integer'])
    const concat = placement.float.find(({ node: one }) => one.op === 'Concat')
    expect(concat).toMatchObject({ code: 'head', text: expect.stringMatching(/boxes and scores/) })
  })

  it('boxes and scores share no grid even where a product reads part of them', async () => {
    const behind = [...[node('Slice', ['boxes', 'from', 'to', 'last'], ['only']), node('MatMul', ['only', 'w'], ['y'])]]
    const more = [i64('from', [1], [4]), i64('to', [1], [8]), i64('last', [1], [2]), weight('w', [4, 16])]
    const points = pointsOf(await place(net([...yolo, ...behind], ['y'], [...constants, ...more])))
    expect(points.has('boxes')).toBe(false)
    expect(points.get('only')).toMatchObject({ group: 'only', readers: 'products' })
  })

  it('a matrix that turns boxes into corners stays float', async () => {
    const behind = [...[node('Slice', ['boxes', 'from', 'to', 'last'], ['only']), node('MatMul', ['only', 'w'], ['y'])]]
    const more = [i64('from', [1], [0]), i64('to', [1], [4]), i64('last', [1], [2]), weight('w', [4, 4])]
    const ends = yolo.map((one) => (one.op === 'Concat' ? { ...one, inputs: ['where', 'extent'] } : one))
    const placement = await place(net([...ends, ...behind], ['y'], [...constants, ...more]))
    expect(placement.products.at(-1)).toMatchObject({ op: 'MatMul', form: 'stored' })
    expect(placement.float).toContainEqual(
      expect.objectContaining({ code: 'head', text: expect.stringMatching(/box/) }),
    )
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'act'])
  })

  it('SSD: softmax of classes, exponentials of sizes with priors, all float', async () => {
    const nodes = [
      ...[
        conv('x', 'k1', 'stem'),
        node('Relu', ['stem'], ['act']),
        conv('act', 'k2', 'loc'),
        conv('act', 'k1', 'conf'),
      ],
      ...[node('Reshape', ['loc', 'fours'], ['deltas']), node('Reshape', ['conf', 'fours'], ['logits'])],
      node('Softmax', ['logits'], ['scores'], { axis: 2 }),
      node('Split', ['deltas', 'halves'], ['dc', 'ds'], { axis: 2 }),
      ...[node('Mul', ['dc', 'variance'], ['scaled']), node('Add', ['scaled', 'priors'], ['centre'])],
      ...[node('Exp', ['ds'], ['grown']), node('Mul', ['grown', 'priors'], ['extent'])],
      ...[node('Concat', ['centre', 'extent'], ['boxes'], { axis: 2 })],
    ]
    const more = [i64('fours', [3], [1, 128, 4]), i64('halves', [2], [2, 2]), f32('variance', [], [0.1])]
    const model = net(nodes, ['scores', 'boxes'], [...constants, ...more, f32('priors', [1, 128, 2], noise(256))])
    const placement = await place(model)
    expect([...pointsOf(placement).keys()]).toEqual(['x', 'act'])
    expect(placement.products.map(({ form }) => form)).toEqual(['qdq', 'conv-integer', 'conv-integer'])
    expect(Object.fromEntries(placement.floatCounts)).toEqual({ head: 7 })
  })

  it('a Concat inside a net that mixes gates and features is none of these', async () => {
    const nodes = [
      ...[conv('x', 'k1', 'a'), node('Sigmoid', ['a'], ['g']), node('Mul', ['a', 'g'], ['b'])],
      ...[node('Concat', ['b', 'g'], ['c'], { axis: 1 }), node('Conv', ['c', 'k3'], ['y'])],
    ]
    const placement = await place(net(nodes, ['y'], [...constants, weight('k3', [4, 16, 1, 1])]))
    expect(pointsOf(placement).has('c')).toBe(true)
    expect(placement.float).toEqual([])
  })
})

describe('front ends', () => {
  it('bands whose logarithm is taken stay float, what follows does not', async () => {
    const nodes = [
      ...[
        node('MatMul', ['x', 'bands'], ['mel']),
        node('Clip', ['mel', 'least'], ['kept']),
        node('Log', ['kept'], ['l']),
      ],
      ...[conv('l', 'k1', 'a'), conv('a', 'k2', 'y')],
    ]
    const model = net(nodes, ['y'], [...constants, weight('bands', [8, 8]), f32('least', [], [1e-5])])
    const placement = await place(model)
    expect(placement.products.map(({ form }) => form)).toEqual(['stored', 'qdq', 'conv-integer'])
    expect([...placement.floatCounts]).toContainEqual(['front-end', 1])
  })
})
