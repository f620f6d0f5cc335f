import { describe, expect, it } from 'vitest'
import { body, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Graph, Model } from '../model/graph.ts'
import { freshNames, usedNames } from './fresh-names.ts'
import { nodeKeys, operatorName, scopesOf } from './walk.ts'

const inner = body({ outputs: 'i', nodes: [op('Relu', 'x', 'i', { name: 'r' })] })
const loop = body({
  inputs: 'n c s',
  outputs: 'c2 s2',
  nodes: [op('Identity', 'c', 'c2'), op('If', 'c', 's2', { name: 'deep', then_branch: inner, else_branch: inner })],
})

function nested(): Model {
  const model = sketch({
    inputs: 'x flag',
    outputs: 'y z',
    nodes: [
      op('If', 'flag', 'y', {
        name: 'choose',
        then_branch: body({ outputs: 't', nodes: [op('Neg', 'x', 't')] }),
        else_branch: loop,
      }),
      op('If', 'flag', 'z', { then_branch: loop, else_branch: inner }),
      op('a.b::Switch', 'x', 'w', { branches: [inner, inner] }),
    ],
  })
  const f = { domain: 'own', name: 'F', nodes: [op('Relu', 'a', 'b')], inputs: ['a'], outputs: ['b'], opsets: [] }
  return { ...model, functions: [f] }
}

describe('scopesOf', () => {
  it('lists the main graph, bodies depth first in node order, then functions', () => {
    expect(scopesOf(nested()).map(({ path }) => path.join('/'))).toEqual([
      '',
      'choose/then_branch',
      'choose/else_branch',
      'choose/else_branch/deep/then_branch',
      'choose/else_branch/deep/else_branch',
      'If#1/then_branch',
      'If#1/then_branch/deep/then_branch',
      'If#1/then_branch/deep/else_branch',
      'If#1/else_branch',
      'Switch#2/branches#0',
      'Switch#2/branches#1',
      'function/own::F',
    ])
  })

  it('knows parents and owners', () => {
    const scopes = scopesOf(nested())
    expect(scopes[3]!.parent).toBe(scopes[2])
    expect(scopes[3]!.owner?.name).toBe('deep')
    expect(scopes.at(-1)!.parent).toBeNull()
  })

  it('walks 2 000 levels of nesting without recursion', () => {
    let graph: Graph = body({ outputs: 'y', nodes: [op('Relu', 'x', 'y')] })
    for (let level = 0; level < 2_000; level++)
      graph = body({ outputs: 'y', nodes: [op('If', 'c', 'y', { b: graph })] })
    expect(scopesOf({ ...nested(), graph, functions: [] })).toHaveLength(2_001)
  })
})

describe('nodeKeys', () => {
  it('gives every node its own key, also for names used twice or looking like keys', () => {
    const nodes = [
      op('Add', 'a b', 'c', { name: 'Relu#1' }),
      op('Relu', 'c', 'd'),
      op('Add', 'c d', 'e', { name: 'Relu#1' }),
    ]
    const keys = [...nodeKeys(nodes).values()]
    expect(keys[0]).toBe('Relu#1')
    expect(new Set(keys).size).toBe(3)
  })

  it('names operators with their domain, ai.onnx left out in both spellings', () => {
    expect(operatorName(op('ai.onnx::Add', '', ''))).toBe('Add')
    expect(operatorName(op('com.microsoft::Attention', '', ''))).toBe('com.microsoft::Attention')
  })
})

describe('freshNames', () => {
  it('avoids names of every scope, of nodes and of its own answers', () => {
    const model = nested()
    expect([...usedNames(model)]).toEqual(expect.arrayContaining(['x', 'deep', 'c2', 'a', 'b', 'r', 'i']))
    const fresh = freshNames(model)
    expect([fresh('new'), fresh('new'), fresh('i'), fresh('deep'), fresh('')]).toEqual([
      'new',
      'new_1',
      'i_1',
      'deep_1',
      '_1',
    ])
  })

  it('stays quick when one base is asked for very often', () => {
    const fresh = freshNames(sketch({ outputs: 'y', nodes: [], initializers: [floats('y', [1])] }))
    const names = new Set(Array.from({ length: 50_000 }, () => fresh('w')))
    expect(names.size).toBe(50_000)
  })
})
