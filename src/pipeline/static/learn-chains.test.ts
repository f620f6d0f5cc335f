import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { noise, place } from '../../../test/fixtures/static-model.ts'
import type { Model, Node, TensorRef } from '../../model/graph.ts'
import { type Chain, chainsOf } from './learn-chains.ts'
import { mapsOf, WindowPlan } from './learn-windows.ts'

const weight = (name: string, shape: readonly number[]): TensorRef =>
  f32(
    name,
    shape,
    noise(
      shape.reduce((a, b) => a * b, 1),
      name.length,
    ),
  )
const net = (nodes: readonly Node[], initializers: readonly TensorRef[], shape: readonly number[]): Model =>
  buildModel({ opset: 17, inputs: [value('x', 'f32', shape)], outputs: [value('y', 'f32')], nodes, initializers })

async function chains(model: Model, longest?: number): Promise<readonly Chain[]> {
  const placement = await place(model)
  const grids = new Map(placement.points.map(({ group }) => [group, { scale: 0.1, zero: 5, type: 'u8' as const }]))
  const wanted = new Set(placement.products.flatMap((one) => (one.weight === null ? [] : [one.weight.name])))
  return chainsOf(model, placement, grids, { wanted, ...(longest === undefined ? {} : { longest }) })
}

const residual = net(
  [
    node('Conv', ['x', 'w1'], ['a'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    node('Relu', ['a'], ['b']),
    node('Conv', ['b', 'w2'], ['c'], { kernel_shape: [1, 1] }),
    node('Clip', ['c', 'low', 'high'], ['d']),
    node('Conv', ['d', 'w3'], ['e'], { kernel_shape: [3, 3], group: 6, auto_pad: 'SAME_UPPER' }),
    node('Conv', ['e', 'w4'], ['f'], { kernel_shape: [1, 1] }),
    node('Add', ['f', 'b'], ['g']),
    node('Relu', ['g'], ['h']),
    node('Conv', ['h', 'w5'], ['y'], { kernel_shape: [1, 1] }),
  ],
  [
    weight('w1', [4, 3, 3, 3]),
    weight('w2', [6, 4, 1, 1]),
    weight('w3', [6, 1, 3, 3]),
    weight('w4', [4, 6, 1, 1]),
    weight('w5', [8, 4, 1, 1]),
    f32('low', [], [0]),
    f32('high', [], [6]),
  ],
  [1, 3, 8, 8],
)

const names = (found: readonly Chain[]): unknown =>
  found.map(({ layers }) => layers.map((one) => one.product.weight?.name))

describe('chains', () => {
  it('end where a value has two readers and behind an addition', async () => {
    const found = await chains(residual)
    expect(names(found)).toEqual([['w1'], ['w2', 'w3', 'w4'], ['w5']])
    expect(found.map(({ input, added }) => [input, added])).toEqual([
      ['x', []],
      ['b', ['b']],
      ['h', []],
    ])
    const [, unit] = found as [Chain, Chain]
    expect(unit.layers[0]?.posts).toMatchObject([
      { kind: 'bound', low: 0, high: 6, grid: { lowCode: -5, highCode: 250 } },
    ])
    expect(unit.layers[1]?.shape).toMatchObject({ depthwise: true, inputs: 6, outputs: 6 })
    expect(unit.layers[2]?.posts.map(({ kind }) => kind)).toContain('add')
  })

  it('hold one layer where asked to', async () => {
    expect(names(await chains(residual, 1))).toEqual([['w1'], ['w2'], ['w3'], ['w4'], ['w5']])
  })

  it('rows: MatMul with its bias, Gemm; a shared weight is left out', async () => {
    const model = net(
      [
        node('MatMul', ['x', 'w'], ['a']),
        node('Add', ['a', 'b'], ['c']),
        node('Relu', ['c'], ['d']),
        node('MatMul', ['d', 'v'], ['e']),
        node('MatMul', ['e', 'v'], ['f']),
        node('Gemm', ['f', 'u', 't'], ['y'], { transB: 1 }),
      ],
      [weight('w', [6, 4]), weight('b', [4]), weight('v', [4, 4]), weight('u', [3, 4]), weight('t', [3])],
      [5, 6],
    )
    const found = await chains(model)
    expect(names(found)).toEqual([['w'], ['u']])
    expect(found.map(({ layout }) => layout)).toEqual(['rows', 'rows'])
    expect(found[1]?.layers[0]?.shape).toMatchObject({ inputs: 4, outputs: 3 })
  })
})

describe('windows', () => {
  it('hold what layers meet at the same places, zeros outside, and say where the picture ends', async () => {
    const [first, unit] = (await chains(residual)) as [Chain, Chain]
    const values = Float32Array.from({ length: 4 * 8 * 8 }, (_, i) => i + 1)
    const input = mapsOf('maps', values, [1, 4, 8, 8])!
    const plan = new WindowPlan(unit, 8, 8, 8)
    expect(plan.sizes).toEqual([
      [10, 10],
      [10, 10],
      [8, 8],
      [8, 8],
    ])
    const { inputs, added, inside } = plan.windows({ input, added: [input] }, 1, 3)!
    expect([...inside]).toEqual([1, 9, 1, 9, 0, 8, 0, 8])
    expect([...inputs.subarray(0, 4)]).toEqual([0, 0, 0, 0])
    // Row 1, column 1 of the window is the corner of the picture.
    expect([...inputs.subarray(44, 48)]).toEqual([1, 65, 129, 193])
    expect([...added[0]!.subarray(4, 8)]).toEqual([2, 66, 130, 194])
    expect(new WindowPlan(first, 8, 8, 4).sizes).toEqual([
      [6, 6],
      [4, 4],
    ])
    expect(mapsOf('maps', values, [4, 64])).toBeNull()
  })
})
