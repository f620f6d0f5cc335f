import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import { unlistConstants } from './listed-constants.ts'

const x = value('x', 'f32', [2, 3])
const w = f32('w', [3, 3], randomFloats(9, 1))
const b = f32('b', [3], [1, -2, 0.5])
const build = (listed: readonly string[]) =>
  buildModel({
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'])],
    initializers: [w, b],
    inputs: [
      x,
      ...[w, b].filter(({ name }) => listed.includes(name)).map(({ name, shape }) => value(name, 'f32', shape)),
    ],
    outputs: [value('y', 'f32')],
  })

describe('unlistConstants', () => {
  it('constants that are all inputs too are inputs no longer', async () => {
    const before = build(['w', 'b'])
    const { model, done } = unlistConstants(before)
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect(model.graph.initializers.map(({ name }) => name)).toEqual(['w', 'b'])
    expect(model.irVersion).toBeGreaterThanOrEqual(4)
    expect(done[0]?.text).toMatch(/^2 constants/)
    const feeds = {
      x: [
        [2, 3],
        [1, -2, 3, -4, 5, -6],
      ],
    } as const
    await expectSameOutputs(before, model, feeds, 0)
  })

  it('a default among plain constants stays an input', () => {
    const before = build(['b'])
    expect(unlistConstants(before).model).toBe(before)
  })

  it('defaults of a model without weights stay inputs', () => {
    const before = buildModel({
      nodes: [node('Greater', ['x', 'least'], ['y'])],
      initializers: [f32('least', [1], [0.5])],
      inputs: [x, value('least', 'f32', [1])],
      outputs: [value('y', 'bool')],
    })
    expect(unlistConstants(before).model).toBe(before)
  })
})
