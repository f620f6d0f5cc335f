import { expect, it } from 'vitest'
import { node } from '../../../test/fixtures/build.ts'
import type { FloatCode, FloatNode } from '../../model/activation.ts'
import { floatNotes, rewriteNotes } from './static-notes.ts'

const float = (op: string, code: FloatCode): FloatNode => ({ node: node(op, ['a'], ['b']), label: op, code, text: '' })

it('what stays float is said in words, the most frequent first, operators named', () => {
  const given = ['Erf', 'Div', 'Pow', 'Erf', 'Tanh'].map((op) => float(op, 'no-kernel'))
  expect(floatNotes([float('Softmax', 'attention'), ...given])).toEqual([
    'nodes that stay float: 5 without a kernel for codes (Erf, Div, Pow, ...); 1 of attention scores (Softmax)',
  ])
  expect(floatNotes([])).toEqual([])
})

it('what was done to the graph is counted', () => {
  const note = { rewrite: 'identity', scope: [], node: 'n', text: '' }
  expect(rewriteNotes([note, note])).toEqual(['before ranges were looked at: 2 nodes that do nothing removed'])
})
