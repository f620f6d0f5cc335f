import { describe, expect, it } from 'vitest'
import { body, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import { TersorError } from '../errors.ts'
import type { Model } from '../model/graph.ts'
import { checkGraph } from './check.ts'

function refusal(model: Model): TersorError {
  try {
    checkGraph(model)
  } catch (error) {
    if (error instanceof TersorError) return error
    throw error
  }
  throw new Error('expected a refusal')
}

const w = floats('w', [2, 2])

describe('checkGraph refuses', () => {
  it('two nodes that write one name', () => {
    const error = refusal(
      sketch({ inputs: 'x', outputs: 'y', nodes: [op('Relu', 'x', 'y'), op('Neg', 'x', 'y', { name: 'n' })] }),
    )
    expect(error.code).toBe('E_FORMAT')
    expect(error.message).toContain('"y" defined by Relu #0 and by Neg "n"')
  })

  it('a node that writes a graph input, an input listed twice, an initializer twice', () => {
    expect(refusal(sketch({ inputs: 'x', outputs: 'x', nodes: [op('Relu', 'x', 'x')] })).message).toContain(
      'a graph input',
    )
    expect(refusal(sketch({ inputs: 'x x', outputs: 'x', nodes: [] })).code).toBe('E_FORMAT')
    const twice = refusal(sketch({ outputs: 'w', nodes: [], initializers: [w, w] }))
    expect(twice.message).toContain('two initializers named "w"')
  })

  it('reads that nothing defines, with near names', () => {
    const error = refusal(
      sketch({
        inputs: 'x',
        outputs: 'y',
        nodes: [op('MatMul', 'x weigth', 'y')],
        initializers: [floats('weight', [1])],
      }),
    )
    expect(error.message).toContain('"weigth"')
    expect(error.hint).toContain('"weight"')
    expect(error.where).toContain('MatMul #0')
  })

  it('outputs that nothing computes', () => {
    expect(refusal(sketch({ inputs: 'x', outputs: 'nowhere', nodes: [] })).message).toContain('"nowhere"')
  })

  it('a body that reads what only a sibling body defines', () => {
    const one = body({ outputs: 't', nodes: [op('Relu', 'x', 't')] })
    const two = body({ outputs: 'e', nodes: [op('Neg', 't', 'e')] })
    const model = sketch({
      inputs: 'x c',
      outputs: 'y',
      nodes: [op('If', 'c', 'y', { name: 'i', then_branch: one, else_branch: two })],
    })
    expect(refusal(model).where).toBe('Neg #0 in the body "i > else_branch"')
  })

  it('a node in a body that hides an outer name', () => {
    const hides = body({ outputs: 'h', nodes: [op('Relu', 'x', 'h')] })
    const model = sketch({
      inputs: 'x c',
      outputs: 'y',
      nodes: [op('Relu', 'x', 'h'), op('If', 'c', 'y', { then_branch: hides, else_branch: hides })],
    })
    expect(refusal(model).message).toContain('"h"')
  })

  it('cycles, with the nodes in them, also through what a body captures', () => {
    const plain = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes: [op('Add', 'x b', 'a', { name: 'first' }), op('Relu', 'a', 'b'), op('Relu', 'a', 'y')],
    })
    expect(refusal(plain).message).toContain('Add "first" -> Relu #1 -> back')
    const branch = body({ outputs: 't', nodes: [op('Relu', 'late', 't')] })
    const captured = sketch({
      inputs: 'c',
      outputs: 'late',
      nodes: [op('If', 'c', 'y', { then_branch: branch, else_branch: branch }), op('Relu', 'y', 'late')],
    })
    expect(refusal(captured).message).toContain('If #0')
    expect(refusal(sketch({ outputs: 'y', nodes: [op('Relu', 'y', 'y')] })).message).toContain('Relu #0 -> back')
  })

  it('an attribute given twice', () => {
    const node = op('Relu', 'x', 'y', { a: 1 })
    const model = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes: [{ ...node, attributes: [...node.attributes, ...node.attributes] }],
    })
    expect(refusal(model).message).toContain('"a" twice')
  })

  it('ai.onnx operators without an import of it', () => {
    const model = sketch({ inputs: 'x', outputs: 'y', nodes: [op('Relu', 'x', 'y')] })
    expect(refusal({ ...model, opsets: [] }).message).toContain('opset import')
    expect(() => checkGraph({ ...model, opsets: [{ domain: 'ai.onnx', version: 9 }] })).not.toThrow()
  })

  it('names from files without letting them break the message', () => {
    const error = refusal(sketch({ outputs: `y\u0007${'z'.repeat(5000)}`, nodes: [] }))
    expect(error.message).not.toContain('\u0007')
    expect(error.message.length).toBeLessThan(400)
  })
})

describe('checkGraph accepts', () => {
  it('sorted models unchanged, with left-out inputs and outputs', () => {
    const model = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes: [op('Clip', 'x _ w', 'y _'), op('Dropout', 'y', '_ m')],
      initializers: [w],
    })
    const checked = checkGraph(model)
    expect(checked.model).toBe(model)
    expect(checked.warnings).toEqual([])
  })

  it('initializers that are inputs, and the same names in two bodies', () => {
    const branch = body({ outputs: 't', nodes: [op('Add', 'x w', 't')] })
    const model = sketch({
      inputs: 'x c w',
      outputs: 'y',
      nodes: [op('If', 'c', 'y', { then_branch: branch, else_branch: { ...branch } })],
      initializers: [w],
    })
    expect(checkGraph(model).model).toBe(model)
  })

  it('a name in a body that the outer graph only makes later, with a warning', () => {
    const early = body({ outputs: 'h', nodes: [op('Relu', 'x', 'h')] })
    const nodes = [op('If', 'c', 'y', { then_branch: early, else_branch: early }), op('Neg', 'y', 'h')]
    const checked = checkGraph(sketch({ inputs: 'x c', outputs: 'h', nodes }))
    expect(checked.warnings.join()).toContain('hides')
    expect(checked.model.graph.nodes).toEqual(nodes)
  })

  it('bodies whose results have the names of what their node gives, as merged decoders have them', () => {
    const branch = body({ outputs: 'y', nodes: [op('Relu', 'x', 'y')] })
    const nodes = [op('If', 'c', 'y', { then_branch: branch, else_branch: branch })]
    const { model, warnings } = checkGraph(sketch({ inputs: 'x c', outputs: 'y', nodes }))
    expect([model.graph.nodes, warnings]).toEqual([nodes, []])
  })

  it('a body that returns an outer value', () => {
    const branch = body({ outputs: 'w', nodes: [] })
    const model = sketch({
      inputs: 'c',
      outputs: 'y',
      nodes: [op('If', 'c', 'y', { then_branch: branch, else_branch: branch })],
      initializers: [w],
    })
    expect(checkGraph(model).warnings).toEqual([])
  })

  it('unsorted nodes, and sorts them in every scope', () => {
    const branch = body({ outputs: 't', nodes: [op('Neg', 'u', 't'), op('Relu', 'a', 'u')] })
    const choose = op('If', 'c', 'y', {
      then_branch: branch,
      else_branch: body({ outputs: 'e', nodes: [op('Relu', 'x', 'e')] }),
    })
    const model = sketch({ inputs: 'x c', outputs: 'y', nodes: [choose, op('Relu', 'x', 'a')] })
    const { model: sorted, warnings } = checkGraph(model)
    expect(sorted.graph.nodes.map((node) => node.op)).toEqual(['Relu', 'If'])
    const attribute = sorted.graph.nodes[1]!.attributes[0]!
    expect(attribute.kind === 'graph' && attribute.value.nodes.map((node) => node.op)).toEqual(['Relu', 'Neg'])
    expect(warnings.filter((warning) => warning.includes('sorted'))).toHaveLength(2)
    expect(checkGraph(sorted).model).toBe(sorted)
  })

  it('newer opsets and IR, unknown domains and hiding inputs with a warning', () => {
    const hides = body({ inputs: 'x', outputs: 't', nodes: [op('Relu', 'x', 't')] })
    const model = sketch({
      inputs: 'x',
      outputs: 'y',
      nodes: [op('com.example::Map', 'x', 'y', { f: hides })],
      opset: 999,
    })
    const { warnings } = checkGraph({ ...model, irVersion: 99 })
    expect(warnings.join('\n')).toMatch(/com\.example.*\n.*opset 999.*\n.*IR version 99.*\n.*hides/)
  })

  it('a chain of 100 000 nodes, also upside down', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => op('Relu', `v${index}`, `v${index + 1}`))
    const model = sketch({ inputs: 'v0', outputs: 'v100000', nodes })
    expect(checkGraph(model).model).toBe(model)
    const sorted = checkGraph({ ...model, graph: { ...model.graph, nodes: nodes.toReversed() } }).model.graph.nodes
    expect(sorted.every((node, index) => node === nodes[index])).toBe(true)
  })
})
