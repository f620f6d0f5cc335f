import { expect, test } from 'vitest'
import { buildModel, f32, graph, node, value } from '../../test/fixtures/build.ts'
import { channelAxes } from './channel-axes.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import { sizedModel, tappedModel, tapsOf } from './tapped-model.ts'

const built = (weight = [1, 2]) =>
  buildModel({
    inputs: [value('x', 'f32', [2]), value('ids', 'i64', [1]), value('flag', 'bool', [])],
    outputs: [value('y', 'f32', [2])],
    initializers: [f32('w', [2], weight)],
    values: [value('count', 'i64', [1])],
    nodes: [
      node('Constant', [], ['k'], { value: f32('', [1], [1]) }),
      node('Mul', ['x', 'w'], ['a']),
      node('Shape', ['x'], ['count']),
      node('If', ['flag'], ['b'], {
        then_branch: graph({ outputs: [value('inner', 'f32', [2])], nodes: [node('Relu', ['a'], ['inner'])] }),
        else_branch: graph({ outputs: [value('other', 'f32', [2])], nodes: [node('Neg', ['x'], ['other'])] }),
      }),
      node('Add', ['b', 'k'], ['y']),
      node('Neg', ['x'], ['side']),
    ],
  })

test('what can be looked at, and why the rest cannot', () => {
  const taps = tapsOf(built(), ['a', 'x', 'y', 'w', 'k', 'ids', 'count', 'inner', 'nowhere', 'a'])
  expect(taps.values).toEqual(['a', 'y'])
  expect(taps.inputs).toEqual(['x'])
  expect([...taps.skipped.keys()]).toEqual(['w', 'k', 'ids', 'count', 'inner', 'nowhere'])
  expect(taps.skipped.get('w')).toBe('a constant')
  expect(taps.skipped.get('ids')).toBe('elements of type i64')
  expect(taps.skipped.get('inner')).toBe('no value of the main graph or of a body')
})

test('only the nodes that the taps need stay, those that bodies need too', () => {
  const tapped = tappedModel(built(), ['b'])
  expect(tapped.graph.nodes.map(({ op }) => op)).toEqual(['Mul', 'If'])
  expect(tapped.graph.outputs).toEqual([{ name: 'b' }])
  expect(tappedModel(built(), ['a'], ['y', 'a']).graph.outputs.map(({ name }) => name)).toEqual(['a', 'y'])
})

test('sizes get names of their own', () => {
  const { model, sizes } = sizedModel(built(), ['a', 'side'])
  expect(model.graph.nodes.filter(({ op }) => op === 'Size').map(({ inputs }) => inputs[0])).toEqual(['a', 'side'])
  expect(model.graph.outputs.map(({ name }) => name)).toEqual([...sizes.values()])
})

test('channel axes: second around convolutions, last around products, along element by element', () => {
  const axes = channelAxes(
    buildModel({
      inputs: [value('x', 'f32', [1, 3, 8, 8])],
      outputs: [value('y', 'f32', [1, 5])],
      initializers: [f32('w', [4, 3, 1, 1], new Float32Array(12)), f32('m', [4, 5], new Float32Array(20))],
      nodes: [
        node('Sub', ['x', 'mean'], ['centred']),
        node('Conv', ['centred', 'w'], ['c']),
        node('Relu', ['c'], ['r']),
        node('Flatten', ['r'], ['flat']),
        node('MatMul', ['flat', 'm'], ['p']),
        node('Softmax', ['p'], ['y']),
      ],
    }),
  )
  expect(Object.fromEntries(axes)).toEqual({ x: 1, centred: 1, c: 1, r: 1, flat: -1, p: -1 })
})

test('the fingerprint follows nodes and weights, not names of producers', async () => {
  const plain = await modelFingerprint(built())
  expect(await modelFingerprint({ ...built(), producer: 'other', metadata: new Map([['a', 'b']]) })).toBe(plain)
  expect(await modelFingerprint(built([1, 3]))).not.toBe(plain)
  expect(await modelFingerprint(tappedModel(built(), ['a']))).not.toBe(plain)
})
