import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { noise, place } from '../../../test/fixtures/static-model.ts'
import type { Node } from '../../model/graph.ts'
import { endsOf } from './ends.ts'
import { sparedNote } from './spare-ends.ts'

const conv = (input: string, kernel: string, output: string): Node =>
  node('Conv', [input, kernel], [output], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, { name: output })
const weight = (name: string, shape: readonly number[]) => f32(name, shape, noise(shape.reduce((a, b) => a * b, 1)))

/** One thin layer, then thick ones, then a thin one. */
const net = (middle: readonly Node[], last: string) =>
  buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [1, 1, 8, 8])],
    outputs: [value('y', 'f32')],
    initializers: [weight('thin', [32, 1, 3, 3]), weight('thick', [32, 32, 3, 3]), weight('out', [1, 32, 3, 3])],
    nodes: [conv('x', 'thin', 'a'), node('Relu', ['a'], ['b']), ...middle, conv(last, 'out', 'y')],
  })

describe('ends of a model', () => {
  it('are the first and the last products, where they are a small part of the work', async () => {
    const model = net([conv('b', 'thick', 'c'), conv('c', 'thick', 'd')], 'd')
    const ends = endsOf(model, await place(model))
    expect(ends.map(({ group, labels }) => [group, labels])).toEqual([
      ['d', ['y']],
      ['x', ['a']],
    ])
    // 1 channel of 32 each, beside two times 32.
    for (const { cost } of ends) expect(cost).toBeCloseTo(1 / 66, 6)
  })

  it('are not those that take much of the work', async () => {
    const model = net([], 'b')
    expect(endsOf(model, await place(model))).toEqual([])
  })

  it('are not those whose input a product of much work reads, too', async () => {
    const between = [conv('b', 'thick', 'c'), conv('c', 'thick', 'd'), conv('d', 'thick', 'e')]
    const model = net([...between, node('Add', ['e', 'd'], ['f'])], 'd')
    const whole = { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, { name: 'f' }] } }
    expect(endsOf(whole, await place(whole)).map(({ group }) => group)).toEqual(['x'])
  })

  it('says what was spared, how much of the error and of the work that is', () => {
    const note = sparedNote({ group: 'x', labels: ['a', 'b', 'c', 'd'], cost: 0.0042, share: 0.49 })
    expect(note).toBe(
      'a, b, c and 1 more: float, as rounding the input makes 49 % of the error there and the cost is 0.42 % of the work',
    )
  })
})
