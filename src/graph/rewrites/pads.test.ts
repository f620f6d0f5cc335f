import { describe, expect, it } from 'vitest'
import { buildModel, f32, i64, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { foldPads } from './pads.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const amounts = i64('amounts', [8], [0, 0, 1, 0, 0, 0, 2, 1])
const pad = node('Pad', ['a', 'amounts'], ['p'])
const weight = f32('w', [2, 3, 3, 3], randomFloats(54, 4))
const feeds = { x: [[1, 3, 5, 5], randomFloats(75, 3)] } as const

const build = (first: string, nodes: Node[], constants: TensorRef[], opset = 17) =>
  buildModel({
    nodes: [node(first, ['x'], ['a']), ...nodes],
    initializers: constants,
    inputs: [value('x', 'f32', [1, 3, 5, 5])],
    outputs: [value('y', 'f32')],
    opset,
  })

describe('foldPads', () => {
  const kernel = { kernel_shape: [3, 3] }
  const folded: readonly [string, string, Node[], TensorRef[], number?][] = [
    ['Conv', 'Neg', [pad, node('Conv', ['p', 'w'], ['y'])], [amounts, weight]],
    ['Conv with pads', 'Neg', [pad, node('Conv', ['p', 'w'], ['y'], { pads: [1, 1, 0, 1] })], [amounts, weight]],
    [
      'Conv with VALID, opset 10',
      'Neg',
      [
        node('Pad', ['a'], ['p'], { pads: [0, 0, 1, 0, 0, 0, 2, 1] }),
        node('Conv', ['p', 'w'], ['y'], { auto_pad: 'VALID' }),
      ],
      [weight],
      10,
    ],
    [
      'Conv, axes given',
      'Neg',
      [node('Pad', ['a', 'some', 'zero', 'axes'], ['p']), node('Conv', ['p', 'w'], ['y'])],
      [i64('some', [4], [1, 0, 2, 1]), f32('zero', [], [0]), i64('axes', [2], [-1, 2]), weight],
      18,
    ],
    ['AveragePool', 'Neg', [pad, node('AveragePool', ['p'], ['y'], kernel)], [amounts]],
    ['MaxPool behind Relu', 'Relu', [pad, node('MaxPool', ['p'], ['y'], { ...kernel, strides: [2, 2] })], [amounts]],
    [
      'MaxPool, filled with minus infinity',
      'Neg',
      [node('Pad', ['a', 'amounts', 'low'], ['p']), node('MaxPool', ['p'], ['y'], kernel)],
      [amounts, f32('low', [], [Number.NEGATIVE_INFINITY])],
    ],
    [
      'two Convs',
      'Neg',
      [pad, node('Conv', ['p', 'w'], ['c']), node('Conv', ['p', 'w'], ['d']), node('Sub', ['c', 'd'], ['y'])],
      [amounts, weight],
    ],
  ]
  it.each(folded)('into %s', async (_name, first, nodes, constants, opset) => {
    const before = build(first, nodes, constants, opset)
    const { model, done } = await foldPads(before, bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).not.toContain('Pad')
    expect(model.graph.initializers.filter(({ dtype }) => dtype === 'i64')).toEqual([])
    expect(done).toHaveLength(1)
    await expectSameOutputs(before, model, feeds, 1e-6)
  })

  const conv = node('Conv', ['p', 'w'], ['y'])
  const kept: readonly [string, string, Node[], TensorRef[]][] = [
    ['other fills', 'Neg', [node('Pad', ['a', 'amounts', 'one'], ['p']), conv], [amounts, weight, f32('one', [], [1])]],
    ['reflection', 'Neg', [node('Pad', ['a', 'amounts'], ['p'], { mode: 'reflect' }), conv], [amounts, weight]],
    ['channels', 'Neg', [pad, conv], [i64('amounts', [8], [0, 1, 0, 0, 0, 0, 0, 0]), weight]],
    ['cuts', 'Neg', [pad, conv], [i64('amounts', [8], [0, 0, -1, 0, 0, 0, 0, 0]), weight]],
    ['SAME', 'Neg', [pad, node('Conv', ['p', 'w'], ['y'], { auto_pad: 'SAME_UPPER' })], [amounts, weight]],
    ['MaxPool of negative values', 'Neg', [pad, node('MaxPool', ['p'], ['y'], kernel)], [amounts]],
    ['pads as wide as the kernel', 'Relu', [pad, node('MaxPool', ['p'], ['y'], { kernel_shape: [2, 2] })], [amounts]],
    [
      'pooling that does not count its own pads',
      'Neg',
      [pad, node('AveragePool', ['p'], ['y'], { ...kernel, pads: [0, 1, 0, 0] })],
      [amounts],
    ],
    ['a further reader', 'Neg', [pad, node('Conv', ['p', 'w'], ['c']), node('Relu', ['p'], ['y'])], [amounts, weight]],
  ]
  it.each(kept)('leaves %s', async (_name, first, nodes, constants) => {
    const before = build(first, nodes, constants)
    expect((await foldPads(before, bytesOf)).model).toBe(before)
  })
})
