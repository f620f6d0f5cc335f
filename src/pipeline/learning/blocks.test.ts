import { expect, test } from 'vitest'
import { buildModel, node, value } from '../../../test/fixtures/build.ts'
import { weight } from '../../../test/fixtures/line-models.ts'
import { transformer } from '../../../test/fixtures/transformer.ts'
import type { Model, Node } from '../../model/graph.ts'
import { type BlockLimits, cutBlocks } from './blocks.ts'

const limitsOf = (model: Model, options: Partial<BlockLimits> = {}): BlockLimits => {
  const matrices = model.graph.initializers.filter(({ shape }) => shape.length === 2)
  const learned = matrices.filter(({ name }) => !/embedding|head/.test(name))
  return {
    learned: new Map(learned.map(({ name, shape }) => [name, (shape[0] as number) * (shape[1] as number)])),
    rounded: new Set(matrices.map(({ name }) => name)),
    most: 1e6,
    wanted: 1,
    refusal: ({ op }: Node) => (op === 'Selu' ? 'no derivative of Selu is known' : null),
    ...options,
  }
}
const sizes = { layers: 3, width: 8, heads: 2, inner: 16, words: 12 }

test('a transformer is cut where its stream is all that goes on', () => {
  const model = transformer(sizes)
  const blocks = cutBlocks(model, limitsOf(model)).filter(({ weights }) => weights.length > 0)
  expect(blocks.map(({ gives }) => gives)).toEqual([0, 1, 2].flatMap((i) => [[`layer.${i}.sum`], [`h${i + 1}`]]))
  expect(blocks[0]?.weights).toEqual(['q', 'k', 'v', 'o'].map((name) => `layer.0.${name}.weight`))
  expect(blocks[1]?.weights).toEqual(['up', 'down'].map((name) => `layer.0.${name}.weight`))
})

test('neighbours are joined up to what is wanted, and never beyond what fits', () => {
  const model = transformer(sizes)
  const giving = (options: Partial<BlockLimits>) =>
    cutBlocks(model, limitsOf(model, options)).map(({ gives }) => gives.join())
  // 256 weights of attention, 256 behind it.
  expect(giving({ wanted: 400 }).slice(0, 3)).toEqual(['h1', 'h2', 'h3'])
  expect(giving({ wanted: 400, most: 300 })).toContain('layer.0.sum')
  expect(giving({ wanted: 1e5 })).toEqual(['logits'])
})

test('a node without a derivative keeps its own block from being learned, and no other', () => {
  const model = transformer({ ...sizes, activations: ['Relu', 'Selu'] })
  for (const wanted of [1, 1e5]) {
    const refused = cutBlocks(model, limitsOf(model, { wanted })).filter((one) => one.refused !== undefined)
    expect(refused).toMatchObject([{ refused: 'no derivative of Selu is known', gives: ['h2'] }])
    expect(refused[0]?.weights).toEqual(['layer.1.up.weight', 'layer.1.down.weight'])
  }
  const blocks = cutBlocks(model, limitsOf(model, { wanted: 1e5 }))
  expect(blocks.map(({ gives }) => gives.join())).toEqual(['layer.1.sum', 'h2', 'logits'])
})

test('values that skip everything go on beside the stream; a block that is too large is said', () => {
  const names = ['w0', 'w1', 'w2', 'w3']
  const model = buildModel({
    nodes: [
      node('MatMul', ['x', 'w0'], ['skip']),
      node('MatMul', ['skip', 'w1'], ['a']),
      node('MatMul', ['a', 'w2'], ['b']),
      node('MatMul', ['b', 'w3'], ['c']),
      node('Add', ['c', 'skip'], ['y']),
    ],
    initializers: names.map((name, i) => weight(name, [8, 8], i)),
    inputs: [value('x', 'f32', ['n', 8])],
    outputs: [value('y', 'f32', ['n', 8])],
  })
  const one = cutBlocks(model, limitsOf(model, { most: 100 }))
  expect(one.map(({ gives }) => gives.join())).toEqual(['skip', 'a', 'b', 'c', 'y'])
  expect(one.some(({ refused }) => refused !== undefined)).toBe(false)
  const small = cutBlocks(model, limitsOf(model, { most: 60 }))
  expect(small.map(({ refused }) => refused)).toContain('64 weights between two places to cut')
})
