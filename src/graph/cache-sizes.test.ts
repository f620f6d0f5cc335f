import { expect, it } from 'vitest'
import { body, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Model, TensorRef } from '../model/graph.ts'
import { cacheSizes } from './cache-sizes.ts'

const weight = (name: string, ...shape: number[]): TensorRef => ({
  name,
  dtype: 'f32',
  shape,
  storage: { kind: 'produced', byteLength: 4 * shape.reduce((a, b) => a * b, 1) },
})

/** Past inputs with symbols for all their axes. */
function withPast(model: Model, rank = 4): Model {
  const inputs = model.graph.inputs.map((input) =>
    input.name.startsWith('past') ? { ...input, shape: ['b', 'k', 'p', 'h', 'x'].slice(0, rank) } : input,
  )
  return { ...model, graph: { ...model.graph, inputs } }
}

const sizes = (model: Model) =>
  Object.fromEntries([...cacheSizes(model)].map(([name, at]) => [name, Object.fromEntries(at)]))
const grouped = (inputs: string) =>
  op('com.microsoft::GroupQueryAttention', inputs, 'y', { num_heads: 8, kv_num_heads: 2 })

it('heads of grouped attention follow from the columns of queries, keys and values together', () => {
  const nodes = [op('MatMul', 'x qkv', 'a'), grouped('a _ _ past_k past_v lengths total')]
  const model = sketch({
    inputs: 'x past_k past_v lengths total',
    outputs: 'y',
    nodes,
    initializers: [weight('qkv', 64, 96)],
  })
  expect(sizes(withPast(model))).toEqual({ past_k: { 1: 2, 3: 8 }, past_v: { 1: 2, 3: 8 } })
})

it('and from queries alone, behind a bias, a rotation and codes', () => {
  const product = op('com.microsoft::MatMulNBits', 'x codes scales', 'a', { N: 128, K: 64 })
  const nodes = [product, op('Add', 'a bias', 'q'), grouped('q k v past_k past_v lengths total')]
  const model = sketch({ inputs: 'x k v past_k past_v lengths total codes scales bias', outputs: 'y', nodes })
  expect(sizes(withPast(model)).past_v).toEqual({ 1: 2, 3: 16 })
})

it('heads of fused attention have a third of the columns of its weights, also in a body', () => {
  const branch = body({
    outputs: 't',
    nodes: [op('com.microsoft::Attention', 'x w b mask past', 't', { num_heads: 4 })],
  })
  const model = sketch({
    inputs: 'x c mask past b',
    outputs: 'y',
    nodes: [op('If', 'c', 'y', { then_branch: branch, else_branch: branch })],
    initializers: [weight('w', 64, 192)],
  })
  expect(sizes(withPast(model, 5))).toEqual({ past: { 2: 4, 4: 16 } })
})

it('nothing is said of what the model says itself, or of models without attention', () => {
  const plain = sketch({ inputs: 'x past_k', outputs: 'y', nodes: [op('Add', 'x past_k', 'y')] })
  expect(sizes(withPast(plain))).toEqual({})
})
