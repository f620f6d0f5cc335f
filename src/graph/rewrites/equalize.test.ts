import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { equalize } from './equalize.ts'
import { readFloats } from './float-constants.ts'
import { productOf } from './products.ts'
import { Revision } from './revision.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
/** Weights whose first axis has sizes far apart. */
const uneven = (name: string, shape: readonly number[], seed: number): TensorRef => {
  const run = count(shape) / shape[0]!
  return f32(
    name,
    shape,
    randomFloats(count(shape), seed).map((one, index) => one * 3 ** (Math.floor(index / run) % 4)),
  )
}
const build = (nodes: Node[], initializers: TensorRef[], shape: readonly number[] = [1, 3, 6, 6]): Model =>
  buildModel({ nodes, initializers, inputs: [value('x', 'f32', shape)], outputs: [value('y', 'f32')] })
const feeds = (shape: readonly number[] = [1, 3, 6, 6]) => ({ x: [shape, randomFloats(count(shape), 8)] as const })

/** Largest magnitudes per channel of the node's weight. */
async function ranges(model: Model, index: number, side: 'output' | 'input'): Promise<number[]> {
  const { connections } = new Revision(model, '')
  const product = productOf(model.graph.nodes[index]!, connections.scopes[0]!, connections)!
  const values = (await readFloats(product.tensor, bytesOf))!
  const largest: number[] = []
  for (let row = 0, at = 0; row < product.rows; row++) {
    for (let column = 0; column < product.columns; column++) {
      const channel = side === 'output' ? product.outputOf(row, column) : product.inputOf(row, column)
      for (let i = 0; i < product.run; i++, at++) {
        largest[channel] = Math.max(largest[channel] ?? 0, Math.abs(values[at]!))
      }
    }
  }
  return largest
}
const expectClose = (found: readonly number[], wanted: readonly number[]): void => {
  expect(found).toHaveLength(wanted.length)
  for (const [index, one] of wanted.entries()) expect(found[index]! / one).toBeCloseTo(1, 2)
}

const first = node('Conv', ['x', 'w', 'b'], ['c'], { pads: [1, 1, 1, 1] }, { name: 'one' })
const constants = [uneven('w', [4, 3, 3, 3], 1), f32('b', [4], [1, -2, 3, -4]), uneven('v', [2, 4, 3, 3], 2)]

describe('equalize', () => {
  const between: readonly [string, Node[], TensorRef[]][] = [
    ['nothing', [node('Identity', ['c'], ['r'])], []],
    ['Relu', [node('Relu', ['c'], ['r'])], []],
    ['LeakyRelu', [node('LeakyRelu', ['c'], ['r'], { alpha: { float: 0.2 } })], []],
    ['PRelu', [node('PRelu', ['c', 's'], ['r'])], [f32('s', [4, 1, 1], [0.1, -0.2, 0.3, 2])]],
    [
      'Relu and pooling',
      [
        node('Relu', ['c'], ['a']),
        node('MaxPool', ['a'], ['p'], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] }),
        node('AveragePool', ['p'], ['r'], { kernel_shape: [2, 2] }),
      ],
      [],
    ],
  ]
  it.each(between)('makes ranges equal through %s', async (_name, nodes, more) => {
    const before = build(
      [first, ...nodes, node('Conv', ['r', 'v'], ['y'], { pads: [1, 1, 1, 1] })],
      [...constants, ...more],
    )
    const { model, done, scales } = await equalize(before, bytesOf)
    expect(done).toMatchObject([{ rewrite: 'equalize', node: 'one' }])
    expectClose(await ranges(model, 0, 'output'), await ranges(model, nodes.length + 1, 'input'))
    expect([...scales.keys()]).toEqual(['c', ...nodes.map(({ outputs }) => outputs[0])])
    await expectSameOutputs(before, model, feeds(), 1e-6)
  })

  it('takes a chain over a depthwise convolution to one range for all three', async () => {
    const before = build(
      [
        first,
        node('Relu', ['c'], ['r']),
        node('Conv', ['r', 'd'], ['e'], { group: 4, pads: [1, 1, 1, 1] }),
        node('Relu', ['e'], ['f']),
        node('Conv', ['f', 'v'], ['y']),
      ],
      [...constants, uneven('d', [4, 1, 3, 3], 5)],
    )
    const { model } = await equalize(before, bytesOf)
    const [one, two, three] = [
      await ranges(model, 0, 'output'),
      await ranges(model, 2, 'output'),
      await ranges(model, 4, 'input'),
    ]
    expectClose(one, two)
    expectClose(two, three)
    const all = [await ranges(before, 0, 'output'), await ranges(before, 2, 'output'), await ranges(before, 4, 'input')]
    expectClose(
      one.map((value) => value ** 3),
      one.map((_, channel) => all.reduce((product, range) => product * range[channel]!, 1)),
    )
    await expectSameOutputs(before, model, feeds(), 1e-6)
  })

  it('knows groups, ConvTranspose, Flatten and Gemm', async () => {
    const before = build(
      [
        node('ConvTranspose', ['x', 't', 'b'], ['c'], { strides: [2, 2] }),
        node('Conv', ['c', 'g'], ['e'], { group: 2 }),
        node('GlobalAveragePool', ['e'], ['p']),
        node('Flatten', ['p'], ['f']),
        node('Gemm', ['f', 'm', 'n'], ['h'], { transB: 1, alpha: { float: 2 }, beta: { float: 3 } }),
        node('Relu', ['h'], ['r']),
        node('MatMul', ['r', 'o'], ['y']),
      ],
      [
        uneven('t', [3, 4, 2, 2], 1),
        constants[1]!,
        uneven('g', [6, 2, 1, 1], 2),
        uneven('m', [5, 6], 3),
        f32('n', [5], [1, 2, 3, 4, 5]),
        uneven('o', [5, 2], 4),
      ],
    )
    const { model, done } = await equalize(before, bytesOf)
    expect(done).toHaveLength(3)
    expectClose(await ranges(model, 0, 'output'), await ranges(model, 1, 'input'))
    expectClose(await ranges(model, 4, 'output'), await ranges(model, 6, 'input'))
    await expectSameOutputs(before, model, feeds(), 1e-6)
  })

  it('leaves channels without weights, and bounds the others', async () => {
    const weight = f32('w', [4, 3, 1, 1], [0, 0, 0, 1e-9, 1e-9, 1e-9, 1, 1, 1, 1, 1, 1])
    const before = build(
      [node('Conv', ['x', 'w', 'b'], ['c']), node('Conv', ['c', 'v'], ['y'])],
      [weight, ...constants.slice(1)],
    )
    const { model, scales } = await equalize(before, bytesOf)
    const scale = scales.get('c')!
    expect(scale[0]).toBe(1)
    expect(scale[1]).toBe(1 / 64)
    await expectSameOutputs(before, model, feeds(), 1e-6)
  })

  const second = node('Conv', ['r', 'v'], ['y'])
  const clip = node('Clip', ['c', 'zero', 'six'], ['r'])
  const bounds = [f32('zero', [], [0]), f32('six', [], [6])]

  it('makes Clip Relu only where a range says that it cuts nothing', async () => {
    const before = build([first, clip, second], [...constants, ...bounds])
    const cuts = await equalize(before, bytesOf, { ranges: new Map([['c', { least: -200, most: 6.5 }]]) })
    expect(cuts.model).toBe(before)
    expect(cuts.left.map(({ text }) => text)).toEqual(['samples reach 6.5, it cuts at 6'])
    const outputAtBound = await equalize(before, bytesOf, { ranges: new Map([['r', { least: 0, most: 6 }]]) })
    expect(outputAtBound.model).toBe(before)

    const wide = build([first, clip, second], [...constants, bounds[0]!, f32('six', [], [1e4])])
    const { model, done } = await equalize(wide, bytesOf, { ranges: new Map([['c', { least: -300, most: 400 }]]) })
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'Relu', 'Conv'])
    expect(done.map(({ rewrite }) => rewrite)).toEqual(['clip', 'equalize'])
    await expectSameOutputs(wide, model, feeds(), 1e-6)
  })

  const kept: readonly [string, Node[], TensorRef[]][] = [
    ['Clip without a range', [first, clip, second], bounds],
    ['Sigmoid', [first, node('Sigmoid', ['c'], ['r']), second], []],
    [
      'values that others read',
      [
        first,
        node('Relu', ['c'], ['r']),
        node('Conv', ['r', 'v'], ['z']),
        node('ReduceSum', ['c'], ['s']),
        node('Add', ['z', 's'], ['y']),
      ],
      [],
    ],
    ['values that are outputs', [first, node('Relu', ['c'], ['y']), node('Conv', ['y', 'v'], ['z'])], []],
    ['shared weights', [first, node('Conv', ['c', 'v'], ['z']), node('Conv', ['c', 'v'], ['y'])], []],
    ['a sum between', [first, node('Add', ['c', 'b4'], ['r']), second], [f32('b4', [4, 1, 1], [1, 2, 3, 4])]],
  ]
  it.each(kept)('leaves %s', async (_name, nodes, more) => {
    const before = build(nodes, [...constants, ...more])
    expect((await equalize(before, bytesOf)).model).toBe(before)
  })
})
