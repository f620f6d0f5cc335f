import { describe, expect, it } from 'vitest'
import { body, bytesOf, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Model } from '../model/graph.ts'
import { checkGraph } from './check.ts'
import { constantsOf } from './constants.ts'
import { mergeEqual } from './merge-equal.ts'
import { findShared } from './sharing.ts'

async function merged(model: Model): Promise<Model> {
  const weights = await constantsOf(model, bytesOf)
  const result = mergeEqual(model, await findShared(weights, (ref, start, end) => bytesOf(ref).subarray(start, end), 1))
  checkGraph(result)
  return result
}

const a = floats('a', [4, 4])
const b = { ...a, name: 'b' }
const names = (model: Model): string[] => model.graph.initializers.map(({ name }) => name)

describe('mergeEqual', () => {
  it('makes all readers read the first, also in bodies, and removes the others', async () => {
    const branch = body({ outputs: 't', nodes: [op('MatMul', 'x b', 't')] })
    const nodes = [
      op('MatMul', 'x a', 'p'),
      op('MatMul', 'p b', 'q'),
      op('If', 'c', 'y', { then_branch: branch, else_branch: body({ outputs: 'q', nodes: [] }) }),
    ]
    const result = await merged(sketch({ inputs: 'x c', outputs: 'y', nodes, initializers: [a, b] }))
    expect(names(result)).toEqual(['a'])
    expect(result.graph.nodes[1]!.inputs).toEqual(['p', 'a'])
    const attribute = result.graph.nodes[2]!.attributes[0]!
    expect(attribute.kind === 'graph' && attribute.value.nodes[0]!.inputs).toEqual(['x', 'a'])
    expect(result.graph.nodes[0]).toBe(nodes[0])
  })

  it('moves constants of bodies to an equal one outside', async () => {
    const branch = { ...body({ outputs: 't', nodes: [op('MatMul', 'x b', 't')] }), initializers: [b] }
    const nodes = [
      op('MatMul', 'x a', 'p'),
      op('If', 'c', 'y', { then_branch: branch, else_branch: body({ outputs: 'p', nodes: [] }) }),
    ]
    const result = await merged(sketch({ inputs: 'x c', outputs: 'y', nodes, initializers: [a] }))
    const attribute = result.graph.nodes[1]!.attributes[0]!
    expect(attribute.kind === 'graph' && [attribute.value.initializers, attribute.value.nodes[0]!.inputs]).toEqual([
      [],
      ['x', 'a'],
    ])
  })

  it('merges Constant nodes into an initializer or an earlier node', async () => {
    const nodes = [op('Constant', '', 'k', { value: a }), op('Constant', '', 'l', { value: a }), op('Sum', 'k l', 'y')]
    const result = await merged(sketch({ outputs: 'y', nodes }))
    expect(result.graph.nodes.map((node) => [node.op, ...node.inputs])).toEqual([['Constant'], ['Sum', 'k', 'k']])
    const withInitializer = await merged(sketch({ outputs: 'y', nodes, initializers: [a] }))
    expect(withInitializer.graph.nodes.map((node) => [node.op, ...node.inputs])).toEqual([['Sum', 'a', 'a']])
  })

  it('leaves what callers see, transposes and other shapes', async () => {
    const seen = sketch({ inputs: 'b', outputs: 'y a', nodes: [op('Sum', 'a b', 'y')], initializers: [a, b] })
    expect(await merged(seen)).toBe(seen)
    const flipped = floats('t', [4, 4], (index) => (index % 4) * 4 + Math.floor(index / 4))
    const matrices = sketch({ outputs: 'y', nodes: [op('Sum', 'a t', 'y')], initializers: [a, flipped] })
    expect(await merged(matrices)).toBe(matrices)
  })

  it('does not move a read to a name that is hidden where it is read', async () => {
    const branch = body({ inputs: 'a', outputs: 't', nodes: [op('Sum', 'a b', 't')] })
    const model = sketch({
      outputs: 'y z',
      nodes: [op('Sum', 'a b', 'z'), op('Scan', 'z', 'y', { body: branch })],
      initializers: [a, b],
    })
    expect(await merged(model)).toBe(model)
  })
})
