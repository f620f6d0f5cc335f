import { describe, expect, it } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import { randomFloats } from '../../../test/fixtures/quantized-weight.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { floatConstant } from './float-constants.ts'
import { foldConstants } from './fold-constants.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const feeds = {
  x: [
    [2, 3],
    [1, -2, 3, -4, 5, -6],
  ],
} as const
const x = value('x', 'f32', [2, 3])
const v = f32('v', [3], [1.1, -2.2, 3.3])
const m = f32('m', [2, 3], randomFloats(6, 4))

const build = (nodes: Node[], initializers: TensorRef[], opset = 17, dtype: 'f32' | 'i64' | 'i32' = 'f32') =>
  buildModel({ nodes, initializers, inputs: [x], outputs: [value('y', dtype)], opset })

describe('foldConstants', () => {
  const add = node('Add', ['x', 'c'], ['y'])
  const sum = (op: string, a: string, b: string): Node[] => [node(op, [a, b], ['c']), add]
  const folded: readonly [string, Node[], TensorRef[], number?][] = [
    ...['Add', 'Sub', 'Mul', 'Div'].map((op): [string, Node[], TensorRef[]] => [op, sum(op, 'm', 'v'), [m, v]]),
    ...['Neg', 'Abs', 'Reciprocal', 'Floor', 'Ceil'].map((op): [string, Node[], TensorRef[]] => [
      op,
      [node(op, ['m'], ['c']), add],
      [m],
    ]),
    ['Sqrt', [node('Sqrt', ['s'], ['c']), add], [f32('s', [3], [2, 3, 5])]],
    ['Transpose', [node('Transpose', ['t'], ['c']), add], [f32('t', [3, 2], randomFloats(6, 3))]],
    [
      'Transpose of three axes and Reshape',
      [node('Transpose', ['t'], ['u'], { perm: [2, 0, 1] }), node('Reshape', ['u', 's'], ['c']), add],
      [f32('t', [1, 3, 2], randomFloats(6, 3)), i64('s', [2], [2, -1])],
    ],
    [
      'Concat',
      [node('Concat', ['v', 'v'], ['d'], { axis: -1 }), node('Reshape', ['d', 's'], ['c']), add],
      [v, i64('s', [2], [2, 3])],
    ],
    [
      'Concat along rows',
      [node('Concat', ['a', 'b'], ['c'], { axis: 1 }), add],
      [f32('a', [2, 1], [1, 2]), f32('b', [2, 2], [3, 4, 5, 6])],
    ],
    ['Unsqueeze', [node('Unsqueeze', ['v', 'z'], ['c']), add], [v, i64('z', [1], [0])]],
    ['Unsqueeze of opset 11', [node('Unsqueeze', ['v'], ['c'], { axes: [0] }), add], [v], 11],
    ['Cast of integers', [node('Cast', ['n'], ['c'], { to: 1 }), add], [i64('n', [3], [1, -2, 16777217])]],
    ['Gather', [node('Gather', ['m', 'n'], ['c'], { axis: 1 }), add], [m, i64('n', [3], [2, -3, 1])]],
    [
      'Slice',
      [node('Slice', ['m', 'from', 'to', 'axes'], ['c']), add],
      [m, i64('from', [2], [-1, 1]), i64('to', [2], [100, -1]), i64('axes', [2], [0, 1])],
    ],
  ]
  it.each(folded)('computes %s', async (_name, nodes, constants, opset) => {
    const before = build(nodes, constants, opset)
    const { model, done } = await foldConstants(before, bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Add'])
    expect(model.graph.initializers.map(({ name }) => name)).toEqual(['c'])
    expect(done).toHaveLength(nodes.length - 1)
    await expectSameOutputs(before, model, feeds, 0)
  })

  it('computes half-precision weights that become codes, and leaves them where floats would be stored', async () => {
    const half = { ...f32('h', [96, 96], randomFloats(96 * 96, 5)), dtype: 'f16' as const }
    const bytes = new Uint8Array(96 * 96 * 2)
    const weight: TensorRef = { ...half, storage: { kind: 'bytes', bytes, byteLength: bytes.length } }
    const before = buildModel({
      nodes: [node('Cast', ['h'], ['w'], { to: 1 }), node('MatMul', ['x', 'w'], ['y'])],
      initializers: [weight],
      inputs: [value('x', 'f32', [2, 96])],
      outputs: [value('y', 'f32')],
    })
    const ops = async (codedWeights: boolean): Promise<string[]> =>
      (await foldConstants(before, bytesOf, { codedWeights })).model.graph.nodes.map(({ op }) => op)
    expect(await ops(false)).toEqual(['Cast', 'MatMul'])
    expect(await ops(true)).toEqual(['MatMul'])
  })

  it('computes integers: shapes, products, quotients', async () => {
    const before = build(
      [
        node('Neg', ['x'], ['a']),
        node('Shape', ['a'], ['s']),
        node('Gather', ['s', 'last'], ['width']),
        node('Mul', ['width', 'two'], ['twice']),
        node('Div', ['minus', 'twice'], ['quotient']),
        node('Concat', ['quotient', 'width'], ['target'], { axis: 0 }),
        node('Reshape', ['a', 'target'], ['y']),
      ],
      [i64('last', [1], [-1]), i64('two', [1], [2]), i64('minus', [1], [-7])],
    )
    const { model } = await foldConstants(before, bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Neg', 'Reshape'])
    const [target] = model.graph.initializers
    expect(new BigInt64Array(bytesOf(target!).slice().buffer)).toEqual(BigInt64Array.of(-1n, 3n))
    await expectSameOutputs(before, model, feeds, 0)
  })

  it('computes in bodies from constants around them', async () => {
    const body = (name: string) =>
      graph({
        name,
        nodes: [node('Mul', ['m', 'v'], [`${name}c`]), node('Add', ['x', `${name}c`], [name])],
        outputs: [value(name, 'f32')],
      })
    const before = buildModel({
      nodes: [node('If', ['choice'], ['y'], { then_branch: body('a'), else_branch: body('b') })],
      initializers: [m, v],
      inputs: [value('choice', 'bool', []), x],
      outputs: [value('y', 'f32')],
    })
    const { model } = await foldConstants(before, bytesOf)
    expect(model.graph.initializers.map(({ shape }) => shape)).toEqual([[2, 3]])
    await expectSameOutputs(before, model, { ...feeds, choice: [[], [1], 'bool'] }, 0)
  })

  const long = f32('long', [3, 2000], randomFloats(6000, 4))
  const half = floatConstant('half', 'f16', [3, 2000], Float64Array.from(randomFloats(6000, 4)))
  const kept: readonly [string, Node[], TensorRef[], number?][] = [
    [
      'shapes that inputs do not settle',
      [node('MatMul', ['x', 'v'], ['a']), node('NonZero', ['a'], ['b']), node('Shape', ['b'], ['y'])],
      [v],
    ],
    [
      'division by 0',
      [node('Div', ['n', 'o'], ['d']), node('Cast', ['d'], ['c'], { to: 1 }), add],
      [i64('n', [1], [1]), i64('o', [1], [0])],
    ],
    ['outputs of the graph', [node('Neg', ['v'], ['y'])], [v]],
    [
      'what grows',
      [
        node('Add', ['a', 'b'], ['c']),
        node('MatMul', ['x', 'd'], ['e']),
        node('ReduceSum', ['c'], ['f']),
        node('Add', ['e', 'f'], ['y']),
      ],
      [f32('a', [100, 1], randomFloats(100, 2)), f32('b', [1, 100], randomFloats(100, 2)), f32('d', [3, 1], [1, 2, 3])],
    ],
    [
      'long constants that others read',
      [node('Neg', ['long'], ['a']), node('MatMul', ['x', 'long'], ['b']), node('Sub', ['b', 'a'], ['y'])],
      [long],
    ],
    ['weights stored as f16', [node('Cast', ['half'], ['w'], { to: 1 }), node('MatMul', ['x', 'w'], ['y'])], [half]],
    [
      'types it does not know',
      [node('Cast', ['b'], ['c'], { to: 1 }), add],
      [tensor('b', 'u8', [3], Uint8Array.of(1, 2, 3))],
    ],
    ['operators of opset 6', [node('Mul', ['m', 'm'], ['c']), add], [m], 6],
  ]
  it.each(kept)('leaves %s', async (_name, nodes, constants, opset) => {
    const before = build(nodes, constants, opset)
    expect((await foldConstants(before, bytesOf)).model).toBe(before)
  })

  it('joins what is cut out of one weight, once for both branches of an If', async () => {
    const weight = f32('w', [4, 2048], randomFloats(8192, 5))
    const body = (name: string) => {
      const cut = (to: string, from: string, end: string) =>
        node('Slice', ['w', from, end, `${name} axis`], [`${name}${to}`])
      return graph({
        name,
        nodes: [
          node('Constant', [], [`${name} axis`], { value_ints: [0] }),
          cut('1', 'zero', 'two'),
          cut('2', 'two', 'four'),
          node('Concat', [`${name}2`, `${name}1`], [`${name}c`], { axis: 0 }),
          node('Unsqueeze', [`${name}c`, 'zero'], [`${name}u`]),
          node('Add', [`${name}u`, 'x'], [name]),
        ],
        outputs: [value(name, 'f32')],
      })
    }
    const build = (main: Node[]) =>
      buildModel({
        nodes: [...main, node('If', ['choice'], ['y'], { then_branch: body('a'), else_branch: body('b') })],
        initializers: [weight, i64('zero', [1], [0]), i64('two', [1], [2]), i64('four', [1], [4])],
        inputs: [value('choice', 'bool', []), value('x', 'f32', [1])],
        outputs: [value('y', 'f32')],
      })
    const { model } = await foldConstants(build([]), bytesOf)
    expect(model.graph.initializers.map(({ shape }) => shape)).toEqual([[1, 4, 2048]])
    for (const choice of [0, 1]) {
      await expectSameOutputs(build([]), model, { x: [[1], [2]], choice: [[], [choice], 'bool'] }, 0)
    }
    const readElsewhere = build([node('Add', ['w', 'x'], ['other'])])
    expect((await foldConstants(readElsewhere, bytesOf)).model).toBe(readElsewhere)
  })

  it('turns a long weight round where nothing else reads it', async () => {
    const before = build(
      [node('Transpose', ['wide'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
      [f32('wide', [2000, 3], randomFloats(6000, 4))],
    )
    const { model } = await foldConstants(before, bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul'])
    expect(model.graph.initializers.map(({ shape }) => shape)).toEqual([[3, 2000]])
    await expectSameOutputs(before, model, feeds, 0)
  })
})
