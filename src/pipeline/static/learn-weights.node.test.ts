import { afterAll, describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { noise, place } from '../../../test/fixtures/static-model.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { takeInventory } from '../../graph/index.ts'
import { createReferenceKernels, createWasmKernelsSync } from '../../kernels/index.ts'
import type { StageEvent } from '../../model/tools.ts'
import { findRuntime } from '../../runtime/find.node.ts'
import type { FewBits } from '../../schemes/index.ts'
import { askOf } from '../ask-of.ts'
import { readSmall } from '../tensor-bytes.ts'
import { learnWeights } from './learn-weights.node.ts'
import { lowBitWishes } from './low-bit-wishes.ts'

const shape = [1, 3, 6, 6]
const model = buildModel({
  opset: 21,
  inputs: [value('x', 'f32', shape)],
  outputs: [value('y', 'f32')],
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['a'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    node('Relu', ['a'], ['b']),
    node('Conv', ['b', 'w2'], ['c'], { kernel_shape: [1, 1] }),
    node('Add', ['c', 'b'], ['d']),
    node('GlobalAveragePool', ['d'], ['e']),
    node('Flatten', ['e'], ['f']),
    node('MatMul', ['f', 'w3'], ['y']),
  ],
  initializers: [
    f32('w1', [4, 3, 3, 3], noise(108, 3)),
    f32('b1', [4], noise(4, 4)),
    f32('w2', [4, 4, 1, 1], noise(16, 5)),
    f32('w3', [4, 5], noise(20, 6)),
  ],
})

const samples: SampleSet = {
  count: 12,
  found: 12,
  skipped: [],
  filled: [],
  converted: [],
  at: async (index) => ({
    label: `${index}`,
    feeds: { x: { dtype: 'f32', shape, data: new Uint8Array(noise(108, 20 + index).buffer) } },
  }),
}

describe('learnWeights', async () => {
  const runtime = await findRuntime()
  afterAll(() => runtime?.close())

  it('gives every asked weight codes in its order, the same with every kernel, and says how far it is', async () => {
    const placement = await place(model)
    const grids = new Map(placement.points.map(({ group }) => [group, { scale: 0.04, zero: 128, type: 'u8' as const }]))
    const bits = new Map<string, FewBits>([
      ['w1', { bits: 4, symmetric: true }],
      ['w2', { bits: 3, symmetric: true }],
      ['w3', { bits: 4, symmetric: false }],
    ])
    const run = (kernels: ReturnType<typeof createWasmKernelsSync>, events: StageEvent[]) =>
      learnWeights({
        model,
        placement,
        grids,
        bits,
        samples,
        runtime: runtime!,
        tools: { kernels, notify: (event) => void events.push(event) },
        effort: 'best',
        settings: { iterations: 20, positions: 512, tile: 4, batch: 64 },
      })
    const events: StageEvent[] = []
    const first = await run(createWasmKernelsSync(), events)
    expect(await run(createReferenceKernels(), [])).toEqual(first)
    expect(events[0]).toMatchObject({ phase: 'learn', done: 0, total: 3, note: 'about 10 s' })
    expect(events.at(-1)).toMatchObject({ done: 3, total: 3 })
    expect([...first.weights.keys()]).toEqual(['w1', 'w2', 'w3'])
    expect(first.weights.get('w1')).toMatchObject({ bits: 4, bias: expect.any(Float32Array) })
    expect(first.weights.get('w2')?.bias).toBeUndefined()
    const { codes, scales, zeros } = first.weights.get('w3')!
    expect(scales).toHaveLength(5)
    const original = noise(20, 6)
    for (let i = 0; i < 20; i++)
      expect(Math.abs((codes[i]! - zeros[i % 5]!) * scales[i % 5]! - original[i]!)).toBeLessThan(0.6)
  })

  it('is asked for by rules: symmetric, by channel, below 8 bits', async () => {
    const inventory = await takeInventory(model, readSmall)
    const wanted = (...rules: string[]) => lowBitWishes(inventory, askOf({ to: 'int8-static', rules }))
    expect([...wanted('op:Conv=int4-channel-sym')]).toEqual([
      ['w1', { bits: 4, symmetric: true }],
      ['w2', { bits: 4, symmetric: true }],
    ])
    const mixed = wanted('w3=int2-channel-asym', 'w1=int8-channel-sym', 'w2=keep')
    expect([...mixed]).toEqual([['w3', { bits: 2, symmetric: false }]])
    expect(wanted().size).toBe(0)
  })
})
