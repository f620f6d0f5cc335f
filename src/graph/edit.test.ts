import { describe, expect, it } from 'vitest'
import { body, floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import { checkGraph } from './check.ts'
import { applyEdits } from './edit.ts'

const product = op('MatMul', 'x w', 'p', { name: 'mm' })
const relu = op('Relu', 'p', 'y')
const model = sketch({
  inputs: 'x',
  outputs: 'y',
  nodes: [product, relu],
  initializers: [floats('w', [2, 2]), floats('v', [1])],
})
const q = floats('w.q', [2, 2])
const s = floats('w.s', [2])

describe('applyEdits', () => {
  it('gives the model itself for no edits', () => {
    expect(applyEdits(model, [])).toBe(model)
  })

  it('merges edits of one scope: prepended first, replacements in place, initializers last', () => {
    const value: GraphEdit = {
      scope: [],
      prepend: [op('DequantizeLinear', 'w.q w.s', 'w')],
      addInitializers: [q, s],
      removeInitializers: ['w'],
    }
    const node: GraphEdit = {
      scope: [],
      replace: new Map([[relu, [op('Neg', 'p', 'n'), op('Relu', 'n', 'y')]]]),
      addValues: [{ name: 'n' }],
    }
    const result = applyEdits(model, [value, node])
    expect(result.graph.nodes.map(({ op }) => op)).toEqual(['DequantizeLinear', 'MatMul', 'Neg', 'Relu'])
    expect(result.graph.nodes[1]).toBe(product)
    expect(result.graph.initializers.map(({ name }) => name)).toEqual(['v', 'w.q', 'w.s'])
    expect(result.graph.initializers[0]).toBe(model.graph.initializers[1])
    expect(result.graph.values).toEqual([{ name: 'n' }])
    expect(checkGraph(result).model).toBe(result)
  })

  it('drops value entries of names that vanish and keeps those made again', () => {
    const graph = { ...model.graph, values: [{ name: 'p' }, { name: 'w' }, { name: 'v' }] }
    const fused = op('Fused', 'x v', 'y')
    const edit: GraphEdit = {
      scope: [],
      replace: new Map([
        [product, [fused]],
        [relu, []],
      ]),
      removeInitializers: ['w'],
    }
    expect(applyEdits({ ...model, graph }, [edit]).graph.values).toEqual([{ name: 'v' }])
    const again: GraphEdit = { scope: [], replace: new Map([[product, [op('Other', 'x', 'p')]]]) }
    expect(applyEdits({ ...model, graph }, [again]).graph.values).toEqual(graph.values)
  })

  it('removes inputs together with their initializers', () => {
    const open = sketch({
      inputs: 'x w',
      outputs: 'y',
      nodes: [op('MatMul', 'x w', 'y')],
      initializers: [floats('w', [2, 2])],
    })
    const edit: GraphEdit = {
      scope: [],
      prepend: [op('Cast', 'w.q', 'w', { to: 1 })],
      addInitializers: [q],
      removeInitializers: ['w'],
      removeInputs: ['w'],
    }
    expect(applyEdits(open, [edit]).graph.inputs.map(({ name }) => name)).toEqual(['x'])
  })

  it('edits bodies and the node around them at once', () => {
    const inner = op('MatMul', 'x k', 't')
    const constant = op('Constant', '', 'k', { value: q })
    const then = body({ outputs: 't', nodes: [constant, inner] })
    const other = body({ outputs: 'x2', nodes: [op('Relu', 'x', 'x2')] })
    const owner = op('If', 'c', 'y', { name: 'if', then_branch: then, else_branch: other })
    const outer = sketch({ inputs: 'x c', outputs: 'y', nodes: [owner] })
    const result = applyEdits(outer, [
      { scope: [], replace: new Map([[owner, [{ ...owner, name: 'renamed' }]]]) },
      {
        scope: ['if', 'then_branch'],
        replace: new Map([[constant, []]]),
        prepend: [op('Cast', 'k.q', 'k', { to: 1 })],
        addInitializers: [{ ...q, name: 'k.q' }],
      },
    ])
    const [node] = result.graph.nodes
    expect(node!.name).toBe('renamed')
    const [first, second] = node!.attributes
    expect(first?.kind === 'graph' && first.value.nodes.map(({ op }) => op)).toEqual(['Cast', 'MatMul'])
    expect(second).toBe(owner.attributes[1])
    expect(checkGraph(result).model).toBe(result)
  })

  it('adds and raises imports of other domains, keeping what is high enough', () => {
    const carrier = { kept: true }
    const at = (version: number) => ({
      ...model,
      opsets: [...model.opsets, { domain: 'com.microsoft', version, carrier }],
    })
    const edit: GraphEdit = {
      scope: [],
      opsets: [
        { domain: 'com.microsoft', version: 1 },
        { domain: '', version: 21 },
      ],
    }
    expect(applyEdits(model, [edit, edit]).opsets).toEqual([...model.opsets, { domain: 'com.microsoft', version: 1 }])
    expect(applyEdits(at(0), [edit]).opsets[1]).toEqual({ domain: 'com.microsoft', version: 1, carrier })
    const high = at(7)
    expect(applyEdits(high, [edit]).opsets).toBe(high.opsets)
  })

  it.each<[string, readonly GraphEdit[], string]>([
    ['a scope that does not exist', [{ scope: ['nowhere', 'body'] }], 'does not exist'],
    ['a foreign node', [{ scope: [], replace: new Map([[{ ...relu }, []]]) }], 'not a node of'],
    [
      'one node replaced twice',
      [
        { scope: [], replace: new Map([[relu, [relu]]]) },
        { scope: [], replace: new Map([[relu, [relu]]]) },
      ],
      'two edits',
    ],
    ['an unknown initializer', [{ scope: [], removeInitializers: ['z'] }], '"z"'],
    ['an unknown input', [{ scope: [], removeInputs: ['w'] }], '"w"'],
    ['two new initializers of one name', [{ scope: [], addInitializers: [q, { ...q }] }], '"w.q"'],
    ['a name defined twice', [{ scope: [], addInitializers: [floats('p', [1])] }], '"p"'],
    ['a read of what is gone', [{ scope: [], removeInitializers: ['w'] }], 'reading "w"'],
    [
      'an output that is gone',
      [{ scope: [], replace: new Map([[relu, []]]) }],
      'an output of the main graph reading "y"',
    ],
    ['a newer ai.onnx', [{ scope: [], opsets: [{ domain: 'ai.onnx', version: 99 }] }], 'raise it first'],
    ['initializers in a function', [{ scope: ['function', 'd::F'], addInitializers: [q] }], 'functions have none'],
  ])('refuses %s', (_, edits, text) => {
    const f = { domain: 'd', name: 'F', nodes: [], inputs: [], outputs: [], opsets: [] }
    const apply = () => applyEdits({ ...model, functions: [f] }, edits)
    expect(apply).toThrow(text)
    expect(apply).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
  })

  it('replaces every node of a chain of 100 000', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) => op('Relu', `v${index}`, `v${index + 1}`))
    const chain = sketch({ inputs: 'v0', outputs: 'v100000', nodes })
    const edits = nodes.map((node): GraphEdit => ({ scope: [], replace: new Map([[node, [{ ...node, op: 'Neg' }]]]) }))
    expect(applyEdits(chain, edits).graph.nodes.every(({ op }) => op === 'Neg')).toBe(true)
  })
})
