import { describe, expect, it } from 'vitest'
import { body, bytesOf, floats, int64s, op, sketch, tensor, weightNamed } from '../../test/fixtures/graph-sketch.ts'
import type { Model, TensorRef } from '../model/graph.ts'
import type { WeightFacts, WeightUse } from '../model/inventory.ts'
import { constantsOf } from './constants.ts'

const weights = (model: Model): Promise<readonly WeightFacts[]> => constantsOf(model, bytesOf)

async function weight(model: Model, name = 'w'): Promise<WeightFacts> {
  return weightNamed(await weights(model), name)
}

/** The single use of `w` in one chain of nodes ending in `y`. */
async function useIn(nodes: ReturnType<typeof op>[], shape: number[], more: TensorRef[] = []): Promise<WeightUse> {
  const facts = await weight(sketch({ inputs: 'x', outputs: 'y', nodes, initializers: [floats('w', shape), ...more] }))
  expect(facts.uses).toHaveLength(1)
  return facts.uses[0]!
}

const steps = (use: WeightUse): string[] => use.path.map((step) => step.op)

describe('roles and views', () => {
  it.each([
    ['MatMul', 'x w', {}, [4, 6], 'matmul', { stack: 1, channels: 6, depth: 4, along: 'column' }, 1],
    ['MatMul', 'x w', {}, [2, 3, 4, 6], 'matmul', { stack: 6, channels: 6, depth: 4, along: 'column' }, 3],
    ['MatMul', 'w x', {}, [4, 6], 'matmul-left', { stack: 1, channels: 4, depth: 6, along: 'row' }, 0],
    ['MatMul', 'x w', {}, [4], 'other', null, null],
    ['Gemm', 'x w', {}, [4, 6], 'gemm', { stack: 1, channels: 6, depth: 4, along: 'column' }, 1],
    ['Gemm', 'x w', { transB: 1, alpha: 0.5 }, [4, 6], 'gemm', { stack: 1, channels: 4, depth: 6, along: 'row' }, 0],
    ['Gemm', 'w x', {}, [4, 6], 'gemm-left', { stack: 1, channels: 4, depth: 6, along: 'row' }, 0],
    ['Gemm', 'w x', { transA: 1 }, [4, 6], 'gemm-left', { stack: 1, channels: 6, depth: 4, along: 'column' }, 1],
    ['Gemm', 'x x w', {}, [6], 'bias', null, null],
    ['Conv', 'x w', {}, [8, 3, 5, 5], 'conv', { stack: 1, channels: 8, depth: 75, along: 'row' }, 0],
    ['Conv', 'x x w', {}, [8], 'bias', null, null],
    [
      'ConvTranspose',
      'x w',
      {},
      [8, 3, 1, 1],
      'conv-transpose',
      { stack: 1, channels: 3, depth: 8, along: 'column' },
      1,
    ],
    ['ConvTranspose', 'x w', {}, [1, 3, 2, 2], 'conv-transpose', { stack: 1, channels: 3, depth: 4, along: 'row' }, 1],
    ['ConvTranspose', 'x w', {}, [8, 3, 2, 2], 'conv-transpose', { stack: 1, channels: 8, depth: 12, along: 'row' }, 0],
    ['LSTM', 'x w x', {}, [2, 16, 3], 'lstm-w', { stack: 2, channels: 16, depth: 3, along: 'row' }, 1],
    ['LSTM', 'x x w', {}, [1, 16, 4], 'lstm-r', { stack: 1, channels: 16, depth: 4, along: 'row' }, 1],
    ['GRU', 'x w x', {}, [1, 12, 3], 'gru-w', { stack: 1, channels: 12, depth: 3, along: 'row' }, 1],
    ['RNN', 'x x w', {}, [1, 4, 4], 'rnn-r', { stack: 1, channels: 4, depth: 4, along: 'row' }, 1],
    ['GRU', 'x x x w', {}, [1, 24], 'bias', null, null],
    ['Gather', 'w x', {}, [100, 8], 'gather', { stack: 1, channels: 100, depth: 8, along: 'row' }, 0],
    ['Gather', 'w x', { axis: -1 }, [8, 100], 'other', { stack: 1, channels: 100, depth: 8, along: 'column' }, 1],
    ['Gather', 'w x', { axis: 1 }, [2, 9, 4], 'other', { stack: 2, channels: 9, depth: 4, along: 'row' }, 1],
    [
      'Einsum',
      'x w',
      { equation: 'bsd,dhk->bshk' },
      [8, 2, 4],
      'other',
      { stack: 1, channels: 8, depth: 8, along: 'column' },
      null,
    ],
    ['Add', 'x w', {}, [1, 9, 4], 'other', { stack: 1, channels: 9, depth: 4, along: 'row' }, 1],
    ['Mul', 'x w', {}, [4], 'other', null, null],
    [
      'com.microsoft::FusedMatMul',
      'x w',
      { transB: 1 },
      [4, 6],
      'matmul',
      { stack: 1, channels: 4, depth: 6, along: 'row' },
      0,
    ],
    [
      'com.microsoft::FusedMatMul',
      'x w',
      { transBatchB: 1 },
      [2, 4, 6],
      'other',
      { stack: 1, channels: 2, depth: 24, along: 'row' },
      0,
    ],
    [
      'com.microsoft::Attention',
      'x w x',
      {},
      [4, 12],
      'matmul',
      { stack: 1, channels: 12, depth: 4, along: 'column' },
      1,
    ],
    ['com.microsoft::Attention', 'x x w', {}, [12], 'bias', null, null],
    [
      'com.microsoft::EmbedLayerNormalization',
      'x x w',
      {},
      [50, 4],
      'other',
      { stack: 1, channels: 50, depth: 4, along: 'row' },
      0,
    ],
    ['com.example::MatMul', 'x w', {}, [4, 6], 'other', { stack: 1, channels: 4, depth: 6, along: 'row' }, 0],
  ])('%s(%s) %o of %o is %s', async (spelled, inputs, attributes, shape, role, view, axis) => {
    const use = await useIn([op(spelled, inputs, 'y', attributes as Record<string, number>)], shape)
    expect({ role: use.role, view: use.view, axis: use.axis }).toEqual({ role, view, axis })
    expect(use.path).toEqual([])
  })

  it('calls a vector added to a product a bias, on either side, other vectors not', async () => {
    const product = op('MatMul', 'x v', 'p')
    expect((await useIn([product, op('Add', 'p w', 'y')], [6], [floats('v', [2, 6])])).role).toBe('bias')
    expect((await useIn([product, op('Add', 'w p', 'y')], [6], [floats('v', [2, 6])])).role).toBe('bias')
    expect((await useIn([op('Add', 'x w', 'y')], [6])).role).toBe('other')
  })
})

describe('constant paths', () => {
  it('flips through Transpose and keeps the stored axis', async () => {
    const use = await useIn([op('Transpose', 'w', 't', { perm: [1, 0] }), op('MatMul', 'x t', 'y')], [512, 64])
    expect(use).toMatchObject({ role: 'matmul', axis: 0, view: { channels: 512, depth: 64, along: 'row' } })
    expect(use.path[0]).toMatchObject({ op: 'Transpose', shape: [64, 512] })
  })

  it('passes Identity, float Cast, Reshape, Squeeze, Unsqueeze, Flatten and scales', async () => {
    const nodes = [
      op('Identity', 'w', 'a'),
      op('Cast', 'a', 'b', { to: 10 }),
      op('Mul', 's b', 'c'),
      op('Unsqueeze', 'c zero', 'd'),
      op('Squeeze', 'd zero', 'e'),
      op('Reshape', 'e shape', 'f'),
      op('Flatten', 'f', 'g', { axis: -1 }),
      op('MatMul', 'x g', 'y'),
    ]
    const use = await useIn(nodes, [2, 3, 10], [floats('s', [10]), int64s('zero', [0]), int64s('shape', [0, -1, 10])])
    expect(steps(use)).toEqual(['Identity', 'Cast', 'Mul', 'Unsqueeze', 'Squeeze', 'Reshape', 'Flatten'])
    expect(use).toMatchObject({ role: 'matmul', axis: 2, view: { stack: 1, channels: 10, depth: 6, along: 'column' } })
  })

  it('reads shapes from Constant nodes and attributes of old opsets', async () => {
    const constant = op('Constant', '', 'shape', { value: int64s('', [6, 4]) })
    expect(steps(await useIn([constant, op('Reshape', 'w shape', 'r'), op('MatMul', 'x r', 'y')], [24]))).toEqual([
      'Reshape',
    ])
    const old = [op('Reshape', 'w', 'r', { shape: [6, 4] }), op('Squeeze', 'r', 's'), op('MatMul', 'x s', 'y')]
    expect((await useIn(old, [24])).view).toEqual({ stack: 1, channels: 4, depth: 6, along: 'column' })
  })

  it('keeps following when the stored order is lost, without a view', async () => {
    const nodes = [op('Reshape', 'w shape', 'r'), op('MatMul', 'x r', 'y')]
    const use = await useIn(nodes, [6, 2], [int64s('shape', [4, 3])])
    expect(use).toMatchObject({ role: 'matmul', view: null, axis: null })
  })

  it.each([
    ['a computed shape', op('Reshape', 'w x', 'r')],
    ['a shape that does not fit', op('Reshape', 'w bad', 'r')],
    ['a cast to integers', op('Cast', 'w', 'r', { to: 6 })],
    ['a product with an input', op('Mul', 'w x', 'r')],
    ['a product with a scale that broadcasts wider', op('Mul', 'w wide', 'r')],
    ['a product with a matrix', op('Mul', 'w square', 'r')],
    ['a squeeze of a long axis', op('Squeeze', 'w zero', 'r')],
    ['a transpose that is no permutation', op('Transpose', 'w', 'r', { perm: [0, 0] })],
    ['an operator of another domain', op('my::Identity', 'w', 'r')],
  ])('stops at %s', async (_, node) => {
    const more = [floats('wide', [3, 1, 1]), floats('square', [4, 4]), int64s('bad', [5, 5]), int64s('zero', [0])]
    const use = await useIn([node, op('MatMul', 'x r', 'y')], [4, 4], more)
    expect(use.node).toBe(node)
    expect(use.path).toEqual([])
  })

  it('finds every use of a weight with several, and none behind dead steps', async () => {
    const nodes = [
      op('Gather', 'w x', 'e'),
      op('Transpose', 'w', 't'),
      op('MatMul', 'e t', 'y'),
      op('Identity', 'w', 'unused'),
    ]
    const facts = await weight(sketch({ inputs: 'x', outputs: 'y', nodes, initializers: [floats('w', [10, 4])] }))
    expect(facts.uses.map(({ role }) => role)).toEqual(['gather', 'matmul'])
    expect(facts.uses.every(({ axis }) => axis === 0)).toBe(true)
  })

  it('ends after a bounded number of steps, quickly', async () => {
    const nodes = Array.from({ length: 20_000 }, (_, index) =>
      op('Identity', index === 0 ? 'w' : `v${index}`, `v${index + 1}`),
    )
    const facts = await weight(sketch({ outputs: 'v20000', nodes, initializers: [floats('w', [2, 2])] }))
    expect(facts.uses[0]!.path).toHaveLength(16)
  })
})

describe('spellings and scopes', () => {
  it('lists initializers, initializers that are inputs, and Constant nodes in every spelling', async () => {
    const nodes = [
      op('Constant', '', 'c', { value: floats('inner name', [2, 2]) }),
      op('Constant', '', 'k', { value_int: 5 }),
      op('Constant', '', 'ks', { value_ints: [1, 2] }),
      op('Constant', '', 'f', { value_float: 0.5 }),
      op('Constant', '', 's', { value_string: 'text' }),
      op('Constant', '', 'sparse', { sparse_value: 0 }),
      op('Sum', 'c w i k ks f s sparse', 'y'),
    ]
    const found = await weights(
      sketch({ inputs: 'i', outputs: 'y', nodes, initializers: [floats('w', [2]), floats('i', [2])] }),
    )
    expect(found.map(({ name, spelling, dtype, shape }) => [name, spelling, dtype, shape])).toEqual([
      ['w', 'initializer', 'f32', [2]],
      ['i', 'initializer-input', 'f32', [2]],
      ['c', 'constant-node', 'f32', [2, 2]],
      ['k', 'constant-node', 'i64', []],
      ['ks', 'constant-node', 'i64', [2]],
      ['f', 'constant-node', 'f32', []],
      ['s', 'constant-node', 'string', []],
      ['sparse', 'sparse', 'f32', []],
    ])
    expect(found.filter(({ pinned }) => pinned).map(({ name }) => name)).toEqual(['sparse'])
    expect(found[2]!.constantNode).toBe(nodes[0])
    expect([...bytesOf(weightNamed(found, 'ks').tensor)]).toEqual([...bytesOf(int64s('', [1, 2]))])
    expect([...bytesOf(weightNamed(found, 'f').tensor)]).toEqual([...bytesOf(floats('', [1], () => 0.5))])
  })

  it('counts outer weights used inside If and Loop bodies, and weights of Constant nodes inside', async () => {
    const inside = op('Constant', '', 'k', { value: floats('', [4, 4]) })
    const then = body({ outputs: 't', nodes: [op('MatMul', 'x w', 't')] })
    const loop = body({ inputs: 'i c s', outputs: 'c s2', nodes: [inside, op('MatMul', 's k', 's2', { name: 'mm' })] })
    const nodes = [
      op('If', 'c0', 'a', { name: 'if', then_branch: then, else_branch: then }),
      op('Loop', 'n c0 a', 'y', { name: 'loop', body: loop }),
    ]
    const found = await weights(sketch({ inputs: 'x c0 n', outputs: 'y', nodes, initializers: [floats('w', [4, 4])] }))
    expect(weightNamed(found, 'w').uses.map(({ scope }) => scope)).toEqual([
      ['if', 'then_branch'],
      ['if', 'else_branch'],
    ])
    expect(weightNamed(found, 'k')).toMatchObject({ scope: ['loop', 'body'], spelling: 'constant-node', pinned: false })
    expect(weightNamed(found, 'k').uses[0]!.role).toBe('matmul')
  })

  it('takes the inner one of two constants of the same name', async () => {
    const then = { ...body({ outputs: 't', nodes: [op('MatMul', 'x w', 't')] }), initializers: [floats('w', [2, 2])] }
    const nodes = [op('If', 'c', 'y', { then_branch: then, else_branch: body({ outputs: 'x', nodes: [] }) })]
    const found = await weights(sketch({ inputs: 'x c', outputs: 'y', nodes, initializers: [floats('w', [3, 3])] }))
    expect(found.map(({ scope, uses }) => [scope.length, uses.length])).toEqual([
      [0, 0],
      [2, 1],
    ])
  })

  it('pins what the main graph returns, also through steps, and constants of functions', async () => {
    const direct = sketch({ outputs: 'w', nodes: [], initializers: [floats('w', [2])] })
    expect((await weight(direct)).pinned).toBe(true)
    const through = sketch({ outputs: 'y', nodes: [op('Identity', 'w', 'y')], initializers: [floats('w', [2, 2])] })
    expect(await weight(through)).toMatchObject({ pinned: true, uses: [] })
    const inner = {
      domain: 'f',
      name: 'F',
      nodes: [op('Constant', '', 'w', { value_float: 1.5 })],
      inputs: [],
      outputs: ['w'],
      opsets: [],
    }
    expect(await weight({ ...sketch({ outputs: '', nodes: [] }), functions: [inner] })).toMatchObject({
      pinned: true,
      scope: ['function', 'f::F'],
    })
  })

  it('counts a body that returns a weight as a use by its owner', async () => {
    const branch = { ...body({ outputs: 'w', nodes: [] }), initializers: [floats('w', [2, 2])] }
    const owner = op('If', 'c', 'y', {
      name: 'if',
      then_branch: branch,
      else_branch: body({ outputs: 'c', nodes: [] }),
    })
    const facts = await weight(sketch({ inputs: 'c', outputs: 'y', nodes: [owner] }))
    expect(facts.pinned).toBe(false)
    expect(facts.uses).toMatchObject([{ scope: [], inputIndex: -1, role: 'other', view: null }])
  })

  it('has no views for empty tensors and follows no integers', async () => {
    expect((await useIn([op('MatMul', 'x w', 'y')], [0, 4])).view).toBeNull()
    const codes = tensor('w', 'u8', [4, 4], new Uint8Array(16))
    const nodes = [op('Transpose', 'w', 't'), op('MatMulInteger', 'x t', 'y')]
    const facts = await weight(sketch({ inputs: 'x', outputs: 'y', nodes, initializers: [codes] }))
    expect(facts.uses[0]!.node.op).toBe('Transpose')
  })

  it('lists 100 000 Constant nodes quickly', async () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => op('Constant', '', `c${index}`, { value_float: 0.5 }))
    expect(await weights(sketch({ outputs: 'c0', nodes }))).toHaveLength(100_000)
  })
})
