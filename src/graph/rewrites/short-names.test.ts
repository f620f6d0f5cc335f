import { describe, expect, it } from 'vitest'
import type { Graph, Model, Node } from '../../model/graph.ts'
import { scopesOf } from '../walk.ts'
import { shortenNames } from './short-names.ts'

const node = (name: string, op: string, inputs: string[], outputs: string[], body?: Graph): Node => ({
  name,
  op,
  domain: '',
  inputs,
  outputs,
  attributes: body === undefined ? [] : [{ name: 'then_branch', kind: 'graph', value: body }],
})
const graph = (nodes: Node[], outputs: string[], inputs: string[] = []): Graph => ({
  name: 'g',
  nodes,
  initializers: [],
  sparseInitializers: [],
  inputs: inputs.map((name) => ({ name })),
  outputs: outputs.map((name) => ({ name })),
  values: [],
})
const model = (main: Graph): Model => ({
  format: 'onnx',
  label: '',
  irVersion: 8,
  opsets: [{ domain: '', version: 17 }],
  producer: '',
  metadata: new Map(),
  graph: main,
  functions: [],
  byteLength: 0,
  externalFiles: [],
})

describe('short names', () => {
  const before = model(graph([node('first', 'Relu', ['x'], ['t0']), node('last', 'Abs', ['t0'], ['y'])], ['y'], ['x']))

  it('shortens what is new and leaves what was there, free names skipped', () => {
    const grown = model(
      graph(
        [
          node('first', 'Relu', ['x'], ['t0']),
          node('a/long/Cast', 'Cast', ['t0'], ['a/long']),
          node('a/long/Mul/Mul', 'Mul', ['a/long', 't0'], ['a/long/Mul']),
          node('last', 'Abs', ['a/long/Mul'], ['y']),
        ],
        ['y'],
        ['x'],
      ),
    )
    const { nodes } = shortenNames(grown, before).graph
    expect(nodes.map(({ name, inputs, outputs }) => [name, ...inputs, ...outputs])).toEqual([
      ['first', 'x', 't0'],
      ['', 't0', 't1'],
      ['', 't1', 't0', 't2'],
      ['last', 't2', 'y'],
    ])
  })

  it('follows values into bodies and keeps outputs of graphs and holders of bodies', () => {
    const body = graph([node('in/Neg', 'Neg', ['outer/value'], ['in'])], ['in'])
    const grown = model(
      graph(
        [node('outer/value/Abs', 'Abs', ['x'], ['outer/value']), node('holder', 'If', ['x'], ['y'], body)],
        ['y'],
        ['x'],
      ),
    )
    const [main, inner] = scopesOf(shortenNames(grown, before))
    expect(main?.nodes.map(({ name }) => name)).toEqual(['', 'holder'])
    expect(inner?.nodes[0]?.inputs).toEqual(['t1'])
    expect(inner?.nodes[0]?.outputs).toEqual(['in'])
    expect(inner?.path).toEqual(['holder', 'then_branch'])
  })

  it('gives the same model back when nothing is new', () => {
    expect(shortenNames(before, before)).toBe(before)
  })
})
