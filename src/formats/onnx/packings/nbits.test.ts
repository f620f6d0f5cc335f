import { expect, test } from 'vitest'
import { integerSpec, type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { nbits } from './nbits.ts'

const column = (depth: number, channels: number): MatrixView => ({ stack: 1, channels, depth, along: 'column' })
const row = (channels: number, depth: number): MatrixView => ({ stack: 1, channels, depth, along: 'row' })

const cases: PackingCase[] = []
for (const bits of [2, 4, 8] as const) {
  for (const symmetric of [true, false]) {
    for (const size of [16, 64]) {
      for (const depth of [1, 16, 50, 129]) {
        const spec = integerSpec(bits, size, symmetric, symmetric ? 'f32' : 'f16')
        const name = `${bits} bits, block ${size}, depth ${depth}, ${symmetric ? 'sym' : 'asym'}`
        cases.push({ label: `${name}, [K,N]`, spec, view: column(depth, 5), shape: [depth, 5] })
        cases.push({ label: `${name}, [N,K]`, spec, view: row(3, depth), shape: [3, depth] })
      }
    }
  }
}

const refused: PackingCase[] = [
  { label: 'channels', spec: integerSpec(4, 'channel'), view: row(2, 32), shape: [2, 32] },
  { label: 'blocks of 8', spec: integerSpec(4, 8), view: row(2, 32), shape: [2, 32] },
  { label: 'blocks of 48', spec: integerSpec(4, 48), view: row(2, 96), shape: [2, 96] },
  { label: 'a stack', spec: integerSpec(4, 32), view: { ...row(2, 32), stack: 2 }, shape: [2, 2, 32] },
  { label: 'a view of another size', spec: integerSpec(4, 32), view: row(2, 32), shape: [2, 33] },
]

// Two channels of 18 weights in blocks of 16: codes 0..15 then 3, 4; the second channel 15 minus those.
const ramp = [...Array(16).keys(), 3, 4]
const codes = Uint8Array.from([...ramp, ...ramp.map((code) => 15 - code)])
const transposed = Uint8Array.from({ length: 36 }, (_, i) => codes[(i % 2) * 18 + Math.floor(i / 2)]!)
const scales = Float32Array.of(1, -2, 0.5, 4)
const packedCodes = '1032547698badcfe438888888888888' + '8efcdab8967452301bc88888888888888'

packingContract(nbits, cases, refused, [
  {
    label: 'symmetric rows, short block filled with 8',
    tensor: { spec: integerSpec(4, 16), view: row(2, 18), codes, scales },
    shape: [2, 18],
    hex: [packedCodes, '0000803f000000c00000003f00008040'],
  },
  {
    label: 'columns, zeros packed per row, short block filled with its own zero',
    tensor: {
      spec: integerSpec(4, 16, false, 'f16'),
      view: column(18, 2),
      codes: transposed,
      scales,
      zeros: Uint8Array.of(1, 2, 9, 15),
    },
    shape: [18, 2],
    hex: ['1032547698badcfe4322222222222222efcdab8967452301bcffffffffffffff', '003c00c000380044', '21f9'],
  },
])

test('shapes are those of MatMulNBits', () => {
  const parts = nbits.parts(integerSpec(4, 32, false), column(100, 7), [100, 7])
  expect(parts).toEqual([
    { part: 'codes', dtype: 'u8', shape: [7, 4, 16], byteLength: 448 },
    { part: 'scales', dtype: 'f32', shape: [7, 4], byteLength: 112 },
    { part: 'zeros', dtype: 'u8', shape: [7, 2], byteLength: 14 },
  ])
})
