import { describe, expect, it } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../../test/fixtures/lowered.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { removeIdentities } from './identity.ts'

const bytesOf = (ref: TensorRef): Uint8Array => {
  if (ref.storage.kind !== 'bytes') throw new Error('in memory')
  return ref.storage.bytes
}
const no = tensor('no', 'bool', [], Uint8Array.of(0))
const yes = tensor('yes', 'bool', [], Uint8Array.of(1))
const ratio = f32('ratio', [], [0.5])

/** A model of [2,3] floats with the node between Neg and Relu. */
const around = (between: Node, constants: TensorRef[] = [], opset = 17) =>
  buildModel({
    nodes: [node('Neg', ['x'], ['a']), between, node('Relu', ['b'], ['y'])],
    initializers: constants,
    inputs: [value('x', 'f32', [2, 3])],
    outputs: [value('y', 'f32')],
    opset,
  })
const feeds = {
  x: [
    [2, 3],
    [1, -2, 3, -4, 5, -6],
  ],
} as const

describe('removeIdentities', () => {
  const gone: readonly [string, Node, TensorRef[], number?][] = [
    ['Identity', node('Identity', ['a'], ['b']), []],
    ['Dropout of opset 10', node('Dropout', ['a'], ['b', 'mask'], { ratio: { float: 0.3 } }), [], 10],
    ['Dropout that does not train', node('Dropout', ['a', 'ratio', 'no'], ['b']), [ratio, no]],
    ['Cast to the same type', node('Cast', ['a'], ['b'], { to: 1 }), []],
    ['Reshape to the same shape', node('Reshape', ['a', 's'], ['b']), [i64('s', [2], [0, -1])]],
    ['Reshape by an exact shape', node('Reshape', ['a', 's'], ['b']), [i64('s', [2], [2, 3])]],
    ['Flatten of rank 2', node('Flatten', ['a'], ['b']), []],
    ['Expand by ones', node('Expand', ['a', 's'], ['b']), [i64('s', [1], [1])]],
    ['Transpose in order', node('Transpose', ['a'], ['b'], { perm: [0, 1] }), []],
    ['Pad by nothing', node('Pad', ['a', 's'], ['b']), [i64('s', [4], [0, 0, 0, 0])]],
    ['Pad by nothing of opset 10', node('Pad', ['a'], ['b'], { pads: [0, 0, 0, 0] }), [], 10],
    ['Concat of one', node('Concat', ['a'], ['b'], { axis: 0 }), []],
  ]
  it.each(gone)('removes %s', async (_name, between, constants, opset) => {
    const before = around(between, constants, opset)
    const { model, done } = await removeIdentities(before, bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Neg', 'Relu'])
    expect(model.graph.initializers).toEqual([])
    expect(done.map(({ rewrite }) => rewrite)).toEqual(['identity'])
    await expectSameOutputs(before, model, feeds, 0)
  })

  const kept: readonly [string, Node, TensorRef[], number?][] = [
    ['Dropout that trains', node('Dropout', ['a', 'ratio', 'yes'], ['b']), [ratio, yes]],
    ['Dropout of opset 6', node('Dropout', ['a'], ['b']), [], 6],
    ['Cast to another type', node('Cast', ['a'], ['b'], { to: 10 }), []],
    ['Reshape to another shape', node('Reshape', ['a', 's'], ['b']), [i64('s', [2], [3, 2])]],
    ['Reshape to another rank', node('Reshape', ['a', 's'], ['b']), [i64('s', [3], [0, 0, 1])]],
    ['Transpose', node('Transpose', ['a'], ['b']), []],
    ['Expand to more axes', node('Expand', ['a', 's'], ['b']), [i64('s', [3], [1, 1, 1])]],
    ['Pad', node('Pad', ['a', 's'], ['b']), [i64('s', [4], [0, 0, 0, 1])]],
    ['an operator of another domain', node('Identity', ['a'], ['b'], {}, { domain: 'other' }), []],
  ]
  it.each(kept)('keeps %s', async (_name, between, constants, opset) => {
    const before = around(between, constants, opset)
    expect((await removeIdentities(before, bytesOf)).model).toBe(before)
  })

  it('does not believe sizes that are declared for values between', async () => {
    const before = buildModel({
      nodes: [node('Neg', ['x'], ['a']), node('Reshape', ['a', 's'], ['y'])],
      initializers: [i64('s', [2], [2, 3])],
      inputs: [value('x', 'f32', ['N', 'M'])],
      values: [value('a', 'f32', [2, 3])],
      outputs: [value('y', 'f32')],
    })
    expect((await removeIdentities(before, bytesOf)).model).toBe(before)
  })

  it('keeps names of outputs: the node before writes them', async () => {
    const before = buildModel({
      nodes: [
        node('Neg', ['x'], ['a']),
        node('Relu', ['a'], ['z']),
        node('Identity', ['a'], ['i']),
        node('Dropout', ['i'], ['y']),
      ],
      inputs: [value('x', 'f32', [2, 3])],
      outputs: [value('y', 'f32'), value('z', 'f32')],
    })
    let after = before
    for (let round = 0; round < 2; round++) after = (await removeIdentities(after, bytesOf)).model
    expect(after.graph.nodes).toMatchObject([
      { op: 'Neg', outputs: ['y'] },
      { op: 'Relu', inputs: ['y'] },
    ])
    await expectSameOutputs(before, after, feeds, 0)
  })

  it('stays where an output is an input or another output', async () => {
    const before = buildModel({
      nodes: [node('Identity', ['x'], ['y']), node('Neg', ['x'], ['a']), node('Identity', ['a'], ['b'])],
      inputs: [value('x', 'f32', [2, 3])],
      outputs: [value('y', 'f32'), value('a', 'f32'), value('b', 'f32')],
    })
    expect((await removeIdentities(before, bytesOf)).model).toBe(before)
  })

  it('follows readers into bodies, unless the name means something else there', async () => {
    const body = (name: string, inner: string) =>
      graph({
        name,
        nodes: [node('Neg', ['x'], [inner]), node('Add', ['b', inner], [`${name}y`])],
        outputs: [value(`${name}y`, 'f32')],
      })
    const build = (inner: string) =>
      buildModel({
        nodes: [
          node('Abs', ['x'], ['a']),
          node('Identity', ['a'], ['b']),
          node('If', ['choice'], ['y'], { then_branch: body('then', inner), else_branch: body('else', 'other') }),
        ],
        inputs: [value('choice', 'bool', []), value('x', 'f32', [2, 3])],
        outputs: [value('y', 'f32')],
      })
    const { model } = await removeIdentities(build('inner'), bytesOf)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Abs', 'If'])
    for (const choice of [0, 1]) {
      await expectSameOutputs(build('inner'), model, { ...feeds, choice: [[], [choice], 'bool'] }, 0)
    }
    const shadowed = build('a')
    expect((await removeIdentities(shadowed, bytesOf)).model).toBe(shadowed)
  })
})
