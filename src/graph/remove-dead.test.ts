import { describe, expect, it } from 'vitest'
import { body, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Model } from '../model/graph.ts'
import { removeDead } from './remove-dead.ts'

const names = (model: Model): string[] => model.graph.initializers.map(({ name }) => name)
const ops = (model: Model): string[] => model.graph.nodes.map((node) => node.op)

describe('removeDead', () => {
  it('returns the model itself when all is alive', () => {
    const model = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes: [op('Mul', 'x w', 'y')],
      initializers: [floats('w', [1])],
    })
    expect(removeDead(model)).toBe(model)
  })

  it('removes unread constants, what only fed dead steps, and their value entries', () => {
    const nodes = [
      op('Constant', '', 'k', { value_float: 0.5 }),
      op('Transpose', 'w', 't'),
      op('Mul', 't s', 'u'),
      op('Relu', 'x', 'y'),
    ]
    const model = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes,
      initializers: [floats('w', [2, 2]), floats('s', [1]), floats('d', [1])],
    })
    const graph = { ...model.graph, values: [{ name: 't' }, { name: 'x2' }, { name: 'w' }] }
    const after = removeDead({ ...model, graph })
    expect(names(after)).toEqual([])
    expect(ops(after)).toEqual(['Relu'])
    expect(after.graph.values).toEqual([{ name: 'x2' }])
    expect(after.graph.nodes[0]).toBe(nodes[3])
  })

  it('keeps inputs, outputs, unread computations and steps of inputs', () => {
    const nodes = [op('Transpose', 'x', 't'), op('RandomNormal', '', 'r'), op('Custom', 'w', 'c')]
    const model = sketch({
      inputs: 'x i',
      outputs: 'o',
      nodes,
      initializers: [floats('w', [1]), floats('i', [1]), floats('o', [1])],
    })
    expect(removeDead(model)).toBe(model)
  })

  it('knows uses inside bodies, and removes inside bodies', () => {
    const then = { ...body({ outputs: 't', nodes: [op('Mul', 'x w', 't')] }), initializers: [floats('dead', [1])] }
    const owner = op('If', 'c', 'y', { name: 'i', then_branch: then, else_branch: body({ outputs: 'v', nodes: [] }) })
    const model = sketch({
      inputs: 'x c',
      outputs: 'y',
      nodes: [owner],
      initializers: [floats('w', [1]), floats('v', [1])],
    })
    const after = removeDead(model)
    expect(names(after)).toEqual(['w', 'v'])
    const [first, second] = after.graph.nodes[0]!.attributes
    expect(first?.kind === 'graph' && first.value.initializers).toEqual([])
    expect(second).toBe(owner.attributes[1])
  })

  it('removes Constant nodes in functions', () => {
    const f = {
      domain: 'd',
      name: 'F',
      nodes: [op('Constant', '', 'k', { value_int: 1 }), op('Relu', 'p', 'q')],
      inputs: ['p'],
      outputs: ['q'],
      opsets: [],
    }
    const after = removeDead({ ...sketch({ outputs: '', nodes: [] }), functions: [f] })
    expect(after.functions[0]!.nodes.map((node) => node.op)).toEqual(['Relu'])
  })

  it('keeps a node while one of its outputs is read, and follows 100 000 dead steps', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) =>
      op('Identity', index === 0 ? 'w' : `v${index}`, `v${index + 1}`),
    )
    const after = removeDead(sketch({ outputs: '', nodes, initializers: [floats('w', [1])] }))
    expect(after.graph.nodes).toHaveLength(0)
    const kept = sketch({ outputs: 'v5', nodes: nodes.slice(0, 10), initializers: [floats('w', [1])] })
    expect(removeDead(kept).graph.nodes).toHaveLength(5)
  })
})
