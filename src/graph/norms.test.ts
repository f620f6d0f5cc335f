import { describe, expect, it } from 'vitest'
import { floats, op, sketch } from '../../test/fixtures/graph-sketch.ts'
import type { Node } from '../model/graph.ts'
import { connect } from './consumers.ts'
import { type NormFacts, normsOf } from './norms.ts'

const initializers = [
  floats('g', [4]),
  floats('b', [4]),
  floats('two', []),
  floats('eps', []),
  floats('one', []),
  floats('m', [4, 4]),
]

function found(...nodes: Node[]): readonly NormFacts[] {
  return normsOf(connect(sketch({ inputs: 'x r', outputs: 'y', nodes, initializers })))
}

const use = [op('MatMul', 'o m', 'q', { name: 'q' }), op('MatMul', 'o m', 'k', { name: 'k' }), op('Sum', 'q k', 'y')]
const mean = (from: string, to: string): Node => op('ReduceMean', from, to, { axes: [-1], keepdims: 1 })
const layer = [
  mean('x', 'mu'),
  op('Sub', 'x mu', 'd'),
  op('Pow', 'd two', 'sq'),
  mean('sq', 'var'),
  op('Add', 'var eps', 've'),
  op('Sqrt', 've', 'sd'),
]

describe('normsOf', () => {
  it('knows the operators', () => {
    expect(found(op('LayerNormalization', 'x g b', 'o'), ...use)).toMatchObject([
      { kind: 'layer', input: 'x', output: 'o', scale: 'g', bias: 'b' },
    ])
    const [rms] = found(op('com.microsoft::SimplifiedLayerNormalization', 'x g', 'o'), ...use)
    expect(rms).toMatchObject({ kind: 'rms', scale: 'g', bias: null })
    expect(rms!.consumers.map(({ name }) => name)).toEqual(['q', 'k'])
    const skip = found(op('com.microsoft::SkipLayerNormalization', 'x r g b', 'o _ _ sum'), ...use)
    expect(skip).toMatchObject([{ kind: 'layer', input: 'sum', scale: 'g', bias: 'b' }])
  })

  it('knows the spelled-out LayerNorm, with Pow or Mul, Div or reciprocal', () => {
    const tail = [op('Div', 'd sd', 'n'), op('Mul', 'n g', 'ng'), op('Add', 'b ng', 'o')]
    const [norm] = found(...layer, ...tail, ...use)
    expect(norm).toMatchObject({ kind: 'layer', input: 'x', output: 'o', scale: 'g', bias: 'b' })
    expect(norm!.nodes).toHaveLength(9)
    const square = layer.map((node) => (node.op === 'Pow' ? op('Mul', 'd d', 'sq') : node))
    const inverse = [op('Div', 'one sd', 'i'), op('Mul', 'd i', 'n'), op('Mul', 'g n', 'ng'), op('Add', 'ng b', 'o')]
    expect(found(...square, ...inverse, ...use)).toMatchObject([
      { kind: 'layer', input: 'x', output: 'o', scale: 'g', bias: 'b' },
    ])
  })

  it('knows a difference that exporters compute twice, and casts between', () => {
    const twice = [
      op('Sub', 'x mu', 'd2'),
      op('Cast', 'sd', 'sdc', { to: 1 }),
      op('Div', 'd2 sdc', 'n'),
      op('Mul', 'n g', 'ng'),
      op('Add', 'ng b', 'o'),
    ]
    expect(found(...layer, ...twice, ...use)).toMatchObject([{ kind: 'layer', input: 'x', scale: 'g', bias: 'b' }])
  })

  it('knows RMSNorm', () => {
    const root = [op('Mul', 'x x', 'sq'), mean('sq', 'ms'), op('Add', 'ms eps', 'me'), op('Sqrt', 'me', 'rms')]
    const forms = [
      [op('Reciprocal', 'rms', 'i'), op('Mul', 'x i', 'n'), op('Mul', 'n g', 'o')],
      [op('Div', 'x rms', 'n'), op('Mul', 'g n', 'o')],
    ]
    for (const form of forms) {
      expect(found(...root, ...form, ...use)).toMatchObject([
        { kind: 'rms', input: 'x', output: 'o', scale: 'g', bias: null },
      ])
    }
    expect(found(...root, op('Div', 'x rms', 'o'), ...use)).toMatchObject([{ scale: null, output: 'o' }])
  })

  it('claims no scale that other readers of the normalised value do not see', () => {
    const tail = [op('Div', 'd sd', 'o'), op('Mul', 'o g', 'scaled'), ...use]
    expect(found(...layer, ...tail)).toMatchObject([{ output: 'o', scale: null, bias: null }])
  })

  it('is not taken in by other square roots and means', () => {
    expect(found(op('Sqrt', 'x', 'y'))).toEqual([])
    const wide = layer.map((node) =>
      node.op === 'ReduceMean' ? op('ReduceMean', node.inputs[0]!, node.outputs[0]!, { axes: [2, 3] }) : node,
    )
    expect(found(...wide, op('Div', 'd sd', 'y'))).toEqual([])
    const loop = [op('Add', 'y eps', 'a'), op('Sqrt', 'a', 'y')]
    expect(found(...loop)).toEqual([])
  })
})
