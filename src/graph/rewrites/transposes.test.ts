import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { readTensor } from '../../formats/onnx/index.ts'
import type { Node } from '../../model/graph.ts'
import { cancelTransposes } from './transposes.ts'

const first = (from: string, to: string) => node('Transpose', [from], [to], { perm: [0, 3, 1, 2] })
const last = (from: string, to: string) => node('Transpose', [from], [to], { perm: [0, 2, 3, 1] })
const conv = (from: string, weight: string, to: string) => node('Conv', [from, weight], [to], { pads: [1, 1, 1, 1] })
const build = (nodes: readonly Node[], outputs: readonly string[] = ['y']) =>
  buildModel({
    opset: 13,
    ir: 8,
    inputs: [value('x', 'f32', [1, 5, 6, 2])],
    outputs: outputs.map((name) => value(name, 'f32')),
    initializers: [
      f32('w', [3, 2, 3, 3], randomFloats(54, 1)),
      f32('v', [3, 3, 3, 3], randomFloats(81, 2)),
      f32('u', [3, 6, 3, 3], randomFloats(162, 2)),
      f32('b', [3], [1, -2, 0.5]),
      f32('column', [6, 1], randomFloats(6, 3)),
      f32('zero', [], [0]),
      f32('plane', [6, 3], randomFloats(18, 4)),
    ],
    nodes,
  })
const feeds = { x: [[1, 5, 6, 2], randomFloats(60, 9)] } as const
/** A convolution as a net with channels last has it. */
const layer = (from: string, weight: string, to: string): Node[] => [
  first(from, `${to}/in`),
  conv(`${to}/in`, weight, `${to}/conv`),
  last(`${to}/conv`, to),
]

describe('cancelTransposes', () => {
  it.each([
    [
      'biases and activation functions between convolutions',
      [
        ...layer('x', 'w', 'c'),
        node('Add', ['c', 'b'], ['a']),
        node('Clip', ['a', 'zero'], ['r']),
        ...layer('r', 'v', 'y'),
      ],
      ['Transpose', 'Conv', 'Add', 'Clip', 'Conv', 'Transpose'],
    ],
    [
      'a sum of two branches, a constant along another axis',
      [
        ...layer('x', 'w', 'c'),
        node('Mul', ['c', 'column'], ['r']),
        ...layer('r', 'v', 'd'),
        node('Add', ['r', 'd'], ['s']),
        ...layer('s', 'v', 'y'),
      ],
      ['Transpose', 'Conv', 'Mul', 'Conv', 'Add', 'Conv', 'Transpose'],
    ],
    [
      'a join on the last axis',
      [
        ...layer('x', 'w', 'c'),
        ...layer('x', 'w', 'd'),
        node('Concat', ['c', 'd'], ['s'], { axis: -1 }),
        ...layer('s', 'u', 'y'),
      ],
      ['Transpose', 'Conv', 'Transpose', 'Conv', 'Concat', 'Conv', 'Transpose'],
    ],
    [
      'another reader in the order behind',
      [
        ...layer('x', 'w', 'c'),
        node('Relu', ['c'], ['r']),
        ...layer('r', 'v', 'd'),
        node('ReduceMean', ['r'], ['m'], { axes: [1], keepdims: 1 }),
        node('Add', ['m', 'd'], ['y']),
      ],
      ['Transpose', 'Conv', 'Relu', 'Transpose', 'Conv', 'Transpose', 'ReduceMean', 'Add'],
    ],
    ['two in a row', [first('x', 'a'), first('a', 'y')], ['Transpose']],
  ])('%s', async (_, nodes, ops) => {
    const before = build(nodes as Node[])
    const { model, done } = await cancelTransposes(before, readTensor)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(ops)
    expect(done.length).toBeGreaterThan(0)
    await expectSameOutputs(before, model, feeds, 1e-6)
  })

  it.each([
    ['only a transpose', [first('x', 'a'), node('Relu', ['a'], ['y'])]],
    [
      'a constant along two axes',
      [...layer('x', 'w', 'c'), node('Add', ['c', 'plane'], ['r']), ...layer('r', 'v', 'y')],
    ],
    ['what the graph returns', [last('x', 'a'), first('a', 'y')]],
  ])('leaves %s', async (_, nodes) => {
    const before = build(nodes)
    const { model } = await cancelTransposes(before, readTensor)
    expect(model.graph.nodes.length).toBeLessThanOrEqual(nodes.length)
    await expectSameOutputs(before, model, feeds, 1e-6)
  })
})
