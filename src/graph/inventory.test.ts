import { describe, expect, it } from 'vitest'
import { body, bytesOf, floats, int64s, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Model } from '../model/graph.ts'
import { takeInventory } from './inventory.ts'

const readRange = (ref: Parameters<typeof bytesOf>[0], start: number, end: number) => bytesOf(ref).subarray(start, end)

async function family(model: Model): Promise<string> {
  return (await takeInventory(model, bytesOf)).family
}

describe('takeInventory', () => {
  it('counts operators over all scopes and float parameters, finds sharing when it may read', async () => {
    const branch = { ...body({ outputs: 't', nodes: [op('Relu', 'x', 't')] }), initializers: [floats('z', [10])] }
    const nodes = [
      op('If', 'c', 'a', { then_branch: branch, else_branch: branch }),
      op('my::Op', 'a w', 'b'),
      op('Reshape', 'b k', 'y'),
    ]
    const model = sketch({
      inputs: 'x c',
      outputs: 'y',
      nodes,
      initializers: [floats('w', [4, 8]), floats('v', [4, 8]), int64s('k', [1])],
    })
    const inventory = await takeInventory(
      { ...model, opsets: [{ domain: 'ai.onnx', version: 17 }] },
      bytesOf,
      readRange,
    )
    expect(Object.fromEntries(inventory.operators)).toEqual({ If: 1, 'my::Op': 1, Reshape: 1, Relu: 2 })
    expect(inventory.parameterCount).toBe(4 * 8 * 2 + 20)
    expect(inventory.nodes.map((node) => node.op)).toEqual(['If', 'Relu', 'Relu', 'Op', 'Reshape'])
    expect(inventory.opset).toBe(17)
    expect(inventory.shared[0]!.names.map(({ name }) => name)).toEqual(['w', 'v'])
    expect((await takeInventory(model, bytesOf)).shared).toEqual([])
  })

  it('warns about constants that will stay', async () => {
    const f = {
      domain: 'd',
      name: 'F',
      nodes: [op('Constant', '', 'k', { value_float: 0.5 })],
      inputs: [],
      outputs: ['k'],
      opsets: [],
    }
    const model = sketch({ outputs: '', nodes: [] })
    const graph = { ...model.graph, sparseInitializers: ['s'] }
    const { warnings } = await takeInventory({ ...model, graph, functions: [f] }, bytesOf)
    expect(warnings.join()).toMatch(/1 sparse.*1 float constants inside/)
  })
})

describe('family', () => {
  const w = floats('w', [8, 8])
  const conv = op('Conv', 'x f', 'c')
  const filters = floats('f', [4, 2, 3, 3])

  it('is decided by where the parameters are', async () => {
    expect(await family(sketch({ inputs: 'x', outputs: 'y', nodes: [op('Relu', 'x', 'y')] }))).toBe('other')
    expect(
      await family(sketch({ inputs: 'x', outputs: 'y', nodes: [op('MatMul', 'x w', 'y')], initializers: [w] })),
    ).toBe('mlp')
    expect(
      await family(
        sketch({ inputs: 'x', outputs: 'y', nodes: [conv, op('Gemm', 'c w', 'y')], initializers: [filters, w] }),
      ),
    ).toBe('convolutional')
    const dense = [conv, op('Conv', 'c f', 'd'), op('Gemm', 'd w', 'y')]
    expect(
      await family(sketch({ inputs: 'x', outputs: 'y', nodes: dense, initializers: [filters, floats('w', [99, 99])] })),
    ).toBe('convolutional')
  })

  it('sees attention as an operator or spelled out', async () => {
    const plain = [
      op('MatMul', 'x w', 'q'),
      op('MatMul', 'q q', 's'),
      op('Softmax', 's', 'p'),
      op('MatMul', 'p q', 'y'),
    ]
    expect(await family(sketch({ inputs: 'x', outputs: 'y', nodes: plain, initializers: [w] }))).toBe('transformer')
    const fused = [op('com.microsoft::Attention', 'x w b', 'y')]
    expect(await family(sketch({ inputs: 'x', outputs: 'y', nodes: fused, initializers: [w, floats('b', [8])] }))).toBe(
      'transformer',
    )
  })

  it('sees recurrence, also where gates are put together before the operator', async () => {
    const lstm = floats('l', [1, 16, 4])
    const nodes = [conv, op('LSTM', 'c l l', 'y')]
    expect(await family(sketch({ inputs: 'x', outputs: 'y', nodes, initializers: [filters, lstm] }))).toBe('recurrent')
    const hidden = [conv, op('Slice', 'l a b', 's'), op('LSTM', 'c s s', 'y')]
    const more = [filters, floats('l', [16, 4]), int64s('a', [0]), int64s('b', [9])]
    expect(await family(sketch({ inputs: 'x', outputs: 'y', nodes: hidden, initializers: more }))).toBe('recurrent')
  })
})
