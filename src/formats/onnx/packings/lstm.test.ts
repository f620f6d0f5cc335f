import { expect, test } from 'vitest'
import { integerSpec, type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { lstm } from './lstm.ts'

const gates = (stack: number, channels: number, depth: number): MatrixView => ({ stack, channels, depth, along: 'row' })

const spec = integerSpec(8, 'channel')
const cases: PackingCase[] = [
  { label: 'two directions', spec, view: gates(2, 12, 70), shape: [2, 12, 70] },
  { label: 'one direction', spec, view: gates(1, 4, 1), shape: [1, 4, 1] },
]
const refused: PackingCase[] = [
  { label: 'a zero per row', spec: { ...spec, symmetric: false }, view: gates(1, 4, 3), shape: [1, 4, 3] },
  { label: '4 bits', spec: integerSpec(4, 'channel'), view: gates(1, 4, 3), shape: [1, 4, 3] },
  { label: 'one grid', spec: integerSpec(8, 'tensor'), view: gates(1, 4, 3), shape: [1, 4, 3] },
  { label: 'half scales', spec: integerSpec(8, 'channel', true, 'f16'), view: gates(1, 4, 3), shape: [1, 4, 3] },
  {
    label: 'another order',
    spec: integerSpec(8, 'channel'),
    view: { ...gates(1, 3, 4), along: 'column' },
    shape: [1, 4, 3],
  },
  { label: 'rank 2', spec: integerSpec(8, 'channel'), view: gates(1, 4, 3), shape: [4, 3] },
]

packingContract(lstm, cases, refused, [
  {
    label: 'each direction transposed',
    tensor: {
      spec: integerSpec(8, 'channel'),
      view: gates(2, 2, 3),
      codes: Uint8Array.of(1, 2, 3, 4, 5, 6, 17, 18, 19, 20, 21, 22),
      scales: Float32Array.of(1, 1, 2, 2),
    },
    shape: [2, 2, 3],
    hex: ['010402050306' + '111412151316', '0000803f0000803f0000004000000040'],
  },
])

test('shapes are those of DynamicQuantizeLSTM', () => {
  const parts = lstm.parts(integerSpec(8, 'channel'), gates(2, 12, 7), [2, 12, 7])
  expect(parts.map(({ shape }) => shape)).toEqual([
    [2, 7, 12],
    [2, 12],
  ])
})
