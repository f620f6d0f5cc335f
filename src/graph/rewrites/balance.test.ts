import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import type { Statistics, ValueStatistics } from '../../model/statistics.ts'
import { balanceChannels } from './balance.ts'
import { balanceOf, noiseOf } from './balance-scales.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const weight = (name: string, shape: readonly number[], seed: number): TensorRef =>
  f32(
    name,
    shape,
    randomFloats(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )
const SHAPE = [1, 3, 6, 6]
const build = (nodes: Node[], initializers: TensorRef[], outputs = ['y']): Model =>
  buildModel({
    nodes,
    initializers,
    inputs: [value('x', 'f32', SHAPE)],
    outputs: outputs.map((name) => value(name, 'f32')),
  })
const feeds = { x: [SHAPE, randomFloats(108, 8)] as const }

/** Channels that reach from 0 to these. */
const seen = (most: readonly number[]): ValueStatistics => ({
  ...{ min: 0, max: Math.max(...most), count: 100 * most.length, zeros: 0, exponent: 0 },
  ...{ counts: new Float64Array(2), samples: new Float32Array(2) },
  channels: {
    ...{ axis: 1, count: 100, min: new Float32Array(most.length), max: Float32Array.from(most) },
    ...{ sum: Float64Array.from(most, (one) => 50 * one), squares: Float64Array.from(most, (one) => 33 * one * one) },
  },
})
const of = (values: Readonly<Record<string, readonly number[]>>): Statistics => ({
  ...{ model: '', labels: [], skipped: new Map(), carried: [] },
  values: new Map(Object.entries(values).map(([name, most]) => [name, seen(most)])),
})
const APART = [100, 1, 1, 1]
const conv = (input: string, kernel: string, output: string, more = {}): Node =>
  node('Conv', [input, kernel], [output], { pads: [1, 1, 1, 1], ...more }, { name: output })
const K = [weight('k1', [4, 3, 3, 3], 1), weight('k2', [4, 4, 3, 3], 2), weight('k3', [4, 4, 3, 3], 3)]
const run = (model: Model, values: Readonly<Record<string, readonly number[]>>) =>
  balanceChannels(model, async (ref) => bytesOf(ref), of(values))

describe('balanceChannels', () => {
  it('follows channels to every reader and keeps the function', async () => {
    const nodes = [conv('x', 'k1', 'a'), node('Relu', ['a'], ['b']), conv('b', 'k2', 'c'), conv('b', 'k3', 'd')]
    const model = build([...nodes, node('Add', ['c', 'd'], ['y'])], K)
    const result = await run(model, { b: APART })
    expect([...result.scales.keys()]).toEqual(['a', 'b'])
    const scales = result.scales.get('b')!
    expect(scales[0]! / scales[1]!).toBeGreaterThan(2)
    await expectSameOutputs(model, result.model, feeds, 1e-5)
  })

  it('scales a residual stream as one', async () => {
    const nodes = [
      ...[conv('x', 'k1', 'a'), conv('a', 'k2', 'b'), node('Add', ['a', 'b'], ['c']), node('Relu', ['c'], ['d'])],
      ...[conv('d', 'k3', 'y')],
    ]
    const model = build(nodes, K)
    const result = await run(model, { a: APART, d: APART })
    expect([...result.scales.keys()].sort()).toEqual(['a', 'b', 'c', 'd'])
    expect(result.scales.get('b')).toEqual(result.scales.get('d'))
    await expectSameOutputs(model, result.model, feeds, 1e-5)
  })

  it('passes Concat, norms, added constants, pools and a matrix behind', async () => {
    const nodes = [
      ...[conv('x', 'k1', 'a'), node('InstanceNormalization', ['a', 'g', 'h'], ['n']), node('Relu', ['n'], ['r'])],
      ...[conv('x', 'k4', 'e'), node('Add', ['e', 'o'], ['f']), node('Concat', ['r', 'f'], ['j'], { axis: 1 })],
      ...[node('MaxPool', ['j'], ['m'], { kernel_shape: [2, 2], strides: [2, 2] }), node('Flatten', ['m'], ['l'])],
      node('Gemm', ['l', 'w'], ['y']),
    ]
    const more = [weight('k4', [2, 3, 3, 3], 4), weight('w', [54, 5], 5), f32('o', [2, 1, 1], [0.5, -3])]
    const norm = [f32('g', [4], [1, 2, 3, 4]), f32('h', [4], [0, 1, -1, 2])]
    const model = build(nodes, [...K, ...more, ...norm])
    const result = await run(model, { m: [100, 1, 1, 50, 2, 1] })
    expect([...result.scales.keys()]).toEqual(expect.arrayContaining(['n', 'r', 'f', 'j', 'm', 'l']))
    // A norm would notice.
    expect(result.scales.has('a')).toBe(false)
    await expectSameOutputs(model, result.model, feeds, 1e-5)
  })

  it.each([
    ['an output of the graph', [conv('x', 'k1', 'a'), conv('a', 'k2', 'y')], ['y', 'a']],
    [
      'what is no line through zero',
      [conv('x', 'k1', 'z'), node('Sigmoid', ['z'], ['a']), conv('a', 'k2', 'y')],
      ['y'],
    ],
    ['a sigmoid beside', [conv('x', 'k1', 'a'), node('Sigmoid', ['a'], ['s']), conv('a', 'k2', 'y')], ['y', 's']],
  ] as const)('holds %s', async (_, nodes, outputs) => {
    const model = build([...nodes], K, [...outputs])
    const result = await run(model, { a: APART })
    expect(result.model).toBe(model)
    expect(result.scales.size).toBe(0)
  })

  it('does nothing where channels are alike, or nothing was seen', async () => {
    const model = build([conv('x', 'k1', 'a'), node('Relu', ['a'], ['b']), conv('b', 'k2', 'y')], K)
    expect((await run(model, { b: [1, 1, 1, 1] })).model).toBe(model)
    expect((await run(model, {})).model).toBe(model)
  })
})

describe('balanceOf', () => {
  const group = {
    ...{ count: 2, fixed: [false, false], gains: Float64Array.of(1, 1), energies: Float64Array.of(1000, 0.1) },
    values: [{ least: Float64Array.of(0, 0), most: Float64Array.of(100, 1) }],
    rows: [
      { channels: Int32Array.of(0), magnitudes: Float64Array.of(1), run: 1 },
      { channels: Int32Array.of(1), magnitudes: Float64Array.of(1), run: 1 },
    ],
  }
  it('reports the noise that it leaves', () => {
    const found = balanceOf(group)!
    expect(found.left).toBeLessThan(1)
    expect(noiseOf(group, found.scales) / noiseOf(group, Float64Array.of(1, 1))).toBeCloseTo(found.left, 12)
  })
  it('keeps fixed channels, and nothing but zeros', () => {
    expect(balanceOf({ ...group, fixed: [true, true] })).toBeNull()
    const none = Float64Array.of(0, 0)
    expect(balanceOf({ ...group, values: [{ least: none, most: none }], energies: none })).toBeNull()
  })
})
