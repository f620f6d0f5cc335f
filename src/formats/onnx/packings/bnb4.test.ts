import { expect, test } from 'vitest'
import { type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { CodedSpec, LevelsSpec } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { bnb4 } from './bnb4.ts'

const column = (depth: number, channels: number): MatrixView => ({ stack: 1, channels, depth, along: 'column' })
const row = (channels: number, depth: number): MatrixView => ({ stack: 1, channels, depth, along: 'row' })
const spec = (table: string, kind: 'block' | 'run', size: number, scale: 'f32' | 'f16' = 'f32'): LevelsSpec => ({
  ...{ family: 'levels', table, bits: 4, granularity: { kind, size }, symmetric: true, scale },
})

const cases: PackingCase<CodedSpec>[] = []
for (const table of ['nf4', 'fp4']) {
  cases.push({ label: `${table} blocks, [K,N]`, spec: spec(table, 'block', 16), view: column(32, 5), shape: [32, 5] })
  cases.push({ label: `${table} blocks, [N,K]`, spec: spec(table, 'block', 32), view: row(3, 64), shape: [3, 64] })
  cases.push({ label: `${table} runs`, spec: spec(table, 'run', 16, 'f16'), view: column(43, 5), shape: [43, 5] })
  cases.push({ label: `${table} runs, odd`, spec: spec(table, 'run', 64), view: row(3, 7), shape: [3, 7] })
}
const refused: PackingCase<CodedSpec>[] = [
  { label: 'blocks that do not divide', spec: spec('nf4', 'block', 32), view: row(2, 48), shape: [2, 48] },
  { label: 'another table', spec: spec('iq4nl', 'block', 16), view: row(2, 32), shape: [2, 32] },
  { label: 'a stack', spec: spec('nf4', 'block', 16), view: { ...row(2, 32), stack: 2 }, shape: [2, 2, 32] },
]

packingContract<CodedSpec>(bnb4, cases, refused, [
  {
    label: 'the first of two codes in the high half, channel after channel',
    tensor: {
      spec: spec('nf4', 'run', 16),
      view: column(3, 3),
      codes: Uint8Array.of(1, 4, 7, 2, 5, 8, 3, 6, 9),
      scales: Float32Array.of(1),
    },
    shape: [3, 3],
    hex: ['1234567897', '0000803f'],
  },
])

test('runs of 172 channels cost no more than the matrix has elements', () => {
  const parts = bnb4.parts(spec('nf4', 'run', 64), column(172, 64), [172, 64])
  expect(parts.map(({ byteLength }) => byteLength)).toEqual([5504, 172 * 4])
})
