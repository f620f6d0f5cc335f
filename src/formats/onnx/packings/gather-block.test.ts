import { integerSpec, type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { gatherBlock } from './gather-block.ts'

const table = (rows: number, columns: number): MatrixView => ({
  stack: 1,
  channels: rows,
  depth: columns,
  along: 'row',
})

const cases: PackingCase[] = []
for (const bits of [2, 4, 8] as const) {
  for (const symmetric of [true, false]) {
    const spec = integerSpec(bits, 16, symmetric, symmetric ? 'f16' : 'f32')
    const label = `${bits} bits ${symmetric ? 'sym' : 'asym'}`
    cases.push({ label: `${label}, 7 x 48`, spec, view: table(7, 48), shape: [7, 48] })
    cases.push({ label: `${label}, 1 x 16`, spec, view: table(1, 16), shape: [1, 16] })
  }
}

const refused: PackingCase[] = [
  { label: 'channels', spec: integerSpec(8, 'channel'), view: table(4, 32), shape: [4, 32] },
  { label: 'columns', spec: integerSpec(8, 16), view: { ...table(4, 32), along: 'column' }, shape: [32, 4] },
  { label: 'a short block', spec: integerSpec(8, 16), view: table(4, 40), shape: [4, 40] },
  { label: 'half bytes', spec: integerSpec(4, 3), view: table(4, 9), shape: [4, 9] },
  { label: 'rank 3', spec: integerSpec(8, 16), view: table(4, 32), shape: [2, 2, 32] },
]

packingContract(gatherBlock, cases, refused, [
  {
    label: 'two rows of three blocks, zeros from a new byte each row',
    tensor: {
      spec: integerSpec(4, 2, false),
      view: table(2, 6),
      codes: Uint8Array.of(1, 2, 3, 4, 5, 6, 15, 14, 13, 12, 11, 10),
      scales: Float32Array.of(1, 1, 1, 2, 2, 2),
      zeros: Uint8Array.of(1, 2, 3, 4, 5, 6),
    },
    shape: [2, 6],
    hex: ['214365efcdab', '0000803f'.repeat(3) + '00000040'.repeat(3), '21035406'],
  },
])
