import { expect, test } from 'vitest'
import { integerSpec, type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { kn, knSigned } from './kn.ts'

const column = (depth: number, channels: number): MatrixView => ({ stack: 1, channels, depth, along: 'column' })
const row = (channels: number, depth: number): MatrixView => ({ stack: 1, channels, depth, along: 'row' })

const symmetric: PackingCase[] = (['tensor', 'channel'] as const).flatMap((granularity) => [
  { label: `${granularity} [K,N]`, spec: integerSpec(8, granularity), view: column(70, 130), shape: [70, 130] },
  { label: `${granularity} [N,K]`, spec: integerSpec(8, granularity), view: row(130, 70), shape: [130, 70] },
])
const asymmetric: PackingCase[] = symmetric.map(({ label, spec, view, shape }) => ({
  label: `${label} asym`,
  spec: { ...spec, symmetric: false },
  view,
  shape,
}))
const refused: PackingCase[] = [
  { label: '4 bits', spec: integerSpec(4, 'channel'), view: row(2, 8), shape: [2, 8] },
  { label: 'blocks', spec: integerSpec(8, 16), view: row(2, 32), shape: [2, 32] },
  { label: 'half scales', spec: integerSpec(8, 'channel', true, 'f16'), view: row(2, 8), shape: [2, 8] },
  { label: 'a stack', spec: integerSpec(8, 'channel'), view: { ...row(2, 8), stack: 2 }, shape: [2, 2, 8] },
]

// [N, K] = [2, 3]; rows 0 128 255 and 1 2 3.
const codes = Uint8Array.of(0, 128, 255, 1, 2, 3)
const scales = Float32Array.of(1, 2)

packingContract(kn, [...symmetric, ...asymmetric], refused, [
  {
    label: 'rows are transposed, symmetric zeros are 128',
    tensor: { spec: integerSpec(8, 'channel'), view: row(2, 3), codes, scales },
    shape: [2, 3],
    hex: ['00018002ff03', '0000803f00000040', '8080'],
  },
  {
    label: 'columns stay, zeros are the tensor’s',
    tensor: { spec: integerSpec(8, 'channel', false), view: column(3, 2), codes, scales, zeros: Uint8Array.of(7, 250) },
    shape: [3, 2],
    hex: ['0080ff010203', '0000803f00000040', '07fa'],
  },
])

packingContract(
  knSigned,
  symmetric,
  [...refused, { ...asymmetric[0]!, label: 'zeros' }],
  [
    {
      label: 'signed bytes, no zeros',
      tensor: { spec: integerSpec(8, 'channel'), view: row(2, 3), codes, scales },
      shape: [2, 3],
      hex: ['808100827f83', '0000803f00000040'],
    },
  ],
)

test('shapes and types', () => {
  const parts = knSigned.parts(integerSpec(8, 'channel'), row(5, 3), [5, 3])
  expect(parts.map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ['i8', [3, 5]],
    ['f32', [5]],
  ])
  expect(kn.parts(integerSpec(8, 'tensor'), row(5, 3), [5, 3])[2]!.shape).toEqual([])
})
