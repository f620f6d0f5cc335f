import { describe, expect, it } from 'vitest'
import { body, bytesOf, floats, int64s, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Node, TensorRef } from '../model/graph.ts'
import { takeInventory } from './inventory.ts'

async function ends(inputs: string, outputs: string, nodes: readonly Node[], initializers: readonly TensorRef[]) {
  const { weights } = await takeInventory(sketch({ inputs, outputs, nodes, initializers }), bytesOf)
  return Object.fromEntries(weights.flatMap(({ name, outer }) => (outer === undefined ? [] : [[name, outer]])))
}

const square = (name: string) => floats(name, [4, 4])

describe('outerLayers', () => {
  it('finds the layer that reads features and the one that makes answers, through shapes, biases and scalings', async () => {
    const nodes = [
      op('Transpose', 'x', 'x1', { perm: [0, 2, 1] }),
      op('Mul', 'x1 gain', 'x2'),
      op('MatMul', 'x2 w1', 'a'),
      op('Relu', 'a', 'a1'),
      op('MatMul', 'a1 w2', 'b'),
      op('Add', 'b a', 'b1'),
      op('Gemm', 'b1 w3 bias', 'c', { transB: 1 }),
      op('Softmax', 'c', 'y'),
    ]
    const weights = [square('w1'), square('w2'), square('w3'), floats('gain', [1]), floats('bias', [4])]
    expect(await ends('x', 'y', nodes, weights)).toEqual({ w1: 'first', w3: 'last' })
  })

  it('takes no layer behind an embedding or a norm, beside a residual, or whose output is read again', async () => {
    const nodes = [
      op('Gather', 'table x', 'e'),
      op('MatMul', 'e q', 'e1'),
      op('MatMul', 'e k', 'present'),
      op('MatMul', 'e1 present', 's'),
      op('MatMul', 's o', 'o1'),
      op('Add', 'o1 e', 'r'),
      op('LayerNormalization', 'r gamma', 'y'),
    ]
    const weights = [floats('table', [8, 4]), square('q'), square('k'), square('o'), floats('gamma', [4])]
    expect(await ends('x', 'y present', nodes, weights)).toEqual({})
    const normed = [op('LayerNormalization', 'x gamma', 'n'), op('MatMul', 'n w', 'h'), op('Relu', 'h', 'h1')]
    const head = [...normed, op('MatMul', 'h1 v', 'y')]
    expect(await ends('x', 'y', head, [square('w'), square('v'), floats('gamma', [4])])).toEqual({ v: 'last' })
  })

  it('looks through branches, not through loops', async () => {
    const branch = (weight: string) =>
      body({
        outputs: `t${weight}`,
        nodes: [op('Relu', 'x', `r${weight}`), op('MatMul', `r${weight} ${weight}`, `t${weight}`)],
      })
    const nodes = [op('If', 'c', 'a', { then_branch: branch('v'), else_branch: branch('w') }), op('Softmax', 'a', 'y')]
    expect(await ends('x c', 'y', nodes, [square('v'), square('w')])).toEqual({ v: 'last', w: 'last' })
    const turn = body({ inputs: 'i go s', outputs: 'go s1', nodes: [op('MatMul', 's w', 's1')] })
    const loop = [op('Loop', 'n go0 x', 'y', { body: turn })]
    expect(await ends('x', 'y', loop, [square('w'), int64s('n', [3])])).toEqual({})
  })

  it('counts a layer only when every use of it stands at the same end', async () => {
    const nodes = [op('MatMul', 'x w', 'a'), op('Relu', 'a', 'b'), op('MatMul', 'b w', 'y')]
    expect(await ends('x', 'y', nodes, [square('w')])).toEqual({})
  })
})
