import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { outliersOf, splitChannels } from './split-channels.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const random = (name: string, shape: readonly number[], seed: number): TensorRef =>
  f32(
    name,
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )
const COUNT = 16
/** Channel 5 reaches ten times as far as the others. */
const most = Float64Array.from({ length: COUNT }, (_, channel) => (channel === 5 ? 10 : 1))
const ranges = (name: string) => new Map([[name, { least: new Float64Array(COUNT), most }]])
const shapeOf = (model: Model, name: string) =>
  model.graph.initializers.find((one) => one.name === name)?.shape as readonly number[]
const pictures = (nodes: Node[], more: TensorRef[] = []) =>
  buildModel({
    inputs: [value('x', 'f32', [1, 2, 6, 6])],
    outputs: [value('y', 'f32')],
    initializers: [
      random('w', [COUNT, 2, 3, 3], 1),
      random('b', [COUNT], 2),
      random('v', [3, COUNT, 3, 3], 3),
      ...more,
    ],
    nodes,
    values: [value('r', 'f32', [1, COUNT, 4, 4])],
  })
const conv = node('Conv', ['x', 'w', 'b'], ['c'], {}, { name: 'one' })
const relu = node('Relu', ['c'], ['r'])
const feeds = { x: [[1, 2, 6, 6], randomFloats(72, 8)] } as const

describe('splitChannels', () => {
  it('computes an outlier twice at half its size, and keeps the outputs', async () => {
    const before = pictures([conv, relu, node('Conv', ['r', 'v'], ['y'], { pads: [1, 1, 1, 1] }, { name: 'two' })])
    const { model, done, widened } = await splitChannels(before, bytesOf, ranges('r'))
    expect(done).toMatchObject([{ rewrite: 'split', node: 'one', text: '1 channels split in two on the way to "two"' }])
    expect([...widened]).toEqual(['c', 'r'])
    const [first, , second] = model.graph.nodes
    expect(shapeOf(model, first!.inputs[1]!)).toEqual([COUNT + 1, 2, 3, 3])
    expect(shapeOf(model, first!.inputs[2]!)).toEqual([COUNT + 1])
    expect(shapeOf(model, second!.inputs[1]!)).toEqual([3, COUNT + 1, 3, 3])
    expect(model.graph.values).toEqual([])
    await expectSameOutputs(before, model, feeds, 1e-6)
  })

  it.each([0, 1])('knows Flatten and Gemm, transB %s, and matrices', async (transB) => {
    const before = pictures(
      [
        conv,
        node('LeakyRelu', ['c'], ['l'], { alpha: { float: 0.1 } }),
        node('GlobalAveragePool', ['l'], ['p']),
        node('Flatten', ['p'], ['f']),
        node('Gemm', ['f', 'g', 'h'], ['k'], { transB, alpha: { float: 0.5 }, beta: { float: 2 } }),
        node('Relu', ['k'], ['m']),
        node('MatMul', ['m', 'n'], ['y']),
      ],
      [random('g', [COUNT, COUNT], 4), random('h', [COUNT], 5), random('n', [COUNT, 3], 6)],
    )
    for (const name of ['l', 'm']) {
      const { model, done } = await splitChannels(before, bytesOf, ranges(name === 'l' ? 'c' : name))
      expect(done).toHaveLength(1)
      await expectSameOutputs(before, model, feeds, 1e-6)
    }
  })

  it('leaves groups, slopes for each channel, and what nobody has seen', async () => {
    const next = node('Conv', ['r', 'v'], ['y'])
    for (const [before, seen] of [
      [pictures([conv, relu, next]), new Map()],
      [pictures([conv, node('PRelu', ['c', 's'], ['r']), next], [random('s', [COUNT, 1, 1], 4)]), ranges('r')],
      [
        pictures([conv, relu, node('Conv', ['r', 'd'], ['y'], { group: COUNT })], [random('d', [COUNT, 1, 3, 3], 4)]),
        ranges('r'),
      ],
    ] as const) {
      expect((await splitChannels(before, bytesOf, seen)).model).toBe(before)
    }
  })
})

describe('outliersOf', () => {
  const least = new Float64Array(32)
  const with_ = (...large: readonly number[]) => Float64Array.from({ length: 32 }, (_, at) => large[at] ?? 1)
  it('takes what sets the range, and no more', () => {
    expect(outliersOf({ least, most: with_(1, 8) }, 32)).toEqual([1])
    expect(outliersOf({ least, most: with_(8, 1, 7) }, 32)).toEqual([0, 2])
    expect(outliersOf({ least: with_(-9).map((one) => (one === 1 ? 0 : one)), most: with_() }, 32)).toEqual([0])
  })
  it('takes nothing where many are large, or all are alike', () => {
    expect(outliersOf({ least, most: with_() }, 32)).toEqual([])
    expect(outliersOf({ least, most: with_(8, 8, 8, 8) }, 32)).toEqual([])
    expect(outliersOf({ least, most: with_(8) }, 31)).toEqual([])
  })
})
