import { describe, expect, it } from 'vitest'
import { body, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import { connect } from './consumers.ts'

describe('connect', () => {
  const then = body({ outputs: 't', nodes: [op('MatMul', 'a w', 't', { name: 'inside' })] })
  const other = { ...body({ inputs: 'a', outputs: 'w', nodes: [op('Relu', 'a', 'r')] }), initializers: [] }
  const model = sketch({
    inputs: 'x c v',
    outputs: 'y',
    nodes: [
      op('MatMul', 'x w', 'a', { name: 'outside' }),
      op('If', 'c', 'y', { then_branch: then, else_branch: other }),
    ],
    initializers: [floats('w', [1]), floats('v', [1])],
  })
  const connections = connect(model)
  const [main, first, second] = connections.scopes

  it('counts reads in bodies and outputs of bodies', () => {
    const w = connections.resolve(main!, 'w')!
    expect(w.uses.map(({ node, inputIndex }) => [node.name, inputIndex])).toEqual([
      ['outside', 1],
      ['inside', 1],
    ])
    expect(w.outputOf).toEqual([second])
    expect(connections.resolve(first!, 'w')).toBe(w)
  })

  it('lets a body hide an outer name', () => {
    const inner = connections.resolve(second!, 'a')!
    expect(inner.kind).toBe('input')
    expect(inner.uses).toHaveLength(1)
    expect(connections.resolve(main!, 'a')!.uses.map(({ node }) => node.name)).toEqual(['inside'])
  })

  it('treats an initializer that is also an input as one definition', () => {
    expect(connections.resolve(main!, 'v')).toMatchObject({ kind: 'initializer', alsoInput: true })
    expect(connections.clashes).toEqual([])
  })

  it('lists what is loose and what clashes instead of throwing', () => {
    const broken = connect(
      sketch({ inputs: 'x', outputs: 'y z', nodes: [op('Add', 'x q', 'y'), op('Relu', 'x', 'y')] }),
    )
    expect(broken.loose.map(({ name }) => name)).toEqual(['q', 'z'])
    expect(broken.clashes.map(({ name }) => name)).toEqual(['y'])
  })

  it('does not let functions see outer names', () => {
    const f = { domain: 'd', name: 'F', nodes: [op('Add', 'p w', 'q')], inputs: ['p'], outputs: ['q'], opsets: [] }
    expect(connect({ ...model, functions: [f] }).loose.map(({ name }) => name)).toEqual(['w'])
  })
})
