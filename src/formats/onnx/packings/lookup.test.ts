import { expect, test } from 'vitest'
import { type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { CodedSpec } from '../../../model/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { parseSchemeId } from '../../../schemes/index.ts'
import { lookup } from './lookup.ts'

const column = (depth: number, channels: number): MatrixView => ({ stack: 1, channels, depth, along: 'column' })
const row = (channels: number, depth: number, stack = 1): MatrixView => ({ stack, channels, depth, along: 'row' })
const spec = (id: string): CodedSpec => parseSchemeId(id) as CodedSpec

const cases: PackingCase<CodedSpec>[] = [
  'binary-block16',
  'ternary-channel-f16',
  'nf2-block8',
  'int3-block16',
  'nf4-block32',
  'int5-channel',
  'e2m3-block16',
  'int7-tensor',
  'e4m3fn-block32-f16',
].flatMap((id) => [
  { label: `${id} [K,N]`, spec: spec(id), view: column(43, 5), shape: [43, 5] },
  {
    label: `${id} rows of a filter`,
    spec: spec(id),
    view: row(3, 18),
    shape: id.includes('block') ? [3, 18] : [3, 2, 3, 3],
  },
])

packingContract<CodedSpec>(
  lookup,
  cases,
  [
    { label: 'all codes of integers', spec: spec('int4-block32-sym'), view: row(2, 32), shape: [2, 32] },
    { label: 'runs', spec: spec('nf4-run16'), view: row(2, 32), shape: [2, 32] },
    { label: 'blocks over several axes', spec: spec('nf4-block16'), view: row(2, 32), shape: [2, 2, 4, 4] },
  ],
  [
    {
      label: 'ternary codes, five to a byte',
      tensor: {
        spec: spec('ternary-tensor'),
        view: row(2, 3),
        codes: Uint8Array.of(1, 2, 3, 3, 2, 1),
        scales: Float32Array.of(0.5),
      },
      shape: [2, 3],
      // 0 + 1 * 3 + 2 * 9 + 2 * 27 + 1 * 81
      hex: ['9c00', '0000003f'],
    },
    {
      label: '3 bits in a plane of two and one of one',
      tensor: {
        spec: spec('int3-tensor'),
        view: row(1, 5),
        codes: Uint8Array.of(0, 7, 5, 2, 1),
        scales: Float32Array.of(1),
      },
      shape: [1, 5],
      // Upper bits 0 3 2 1, 0; lower bits 0 1 1 0 1.
      hex: ['6c0016', '0000803f'],
    },
  ],
)

test('a weight takes as many bits as its levels need', () => {
  const bytes = (id: string): number => lookup.parts(spec(id), row(40, 64), [40, 64])[0]?.byteLength ?? 0
  expect(
    ['binary-channel', 'ternary-channel', 'nf2-channel', 'int3-channel', 'nf4-channel', 'int5-channel'].map(bytes),
  ).toEqual([320, 512, 640, 960, 1280, 1600])
})
