import { describe, expect, test } from 'vitest'
import { integerSpec, type PackingCase, packingContract } from '../../../../test/contracts/packing.ts'
import type { MatrixView } from '../../../model/scheme.ts'
import { elements } from './elements.ts'

const view = (stack: number, channels: number, depth: number, along: 'row' | 'column'): MatrixView => ({
  stack,
  channels,
  depth,
  along,
})

const layouts: { name: string; view: MatrixView; shape: number[]; blocked: boolean }[] = [
  { name: 'MatMul', view: view(1, 5, 7, 'column'), shape: [7, 5], blocked: true },
  { name: 'Gemm transB', view: view(1, 5, 7, 'row'), shape: [5, 7], blocked: true },
  { name: 'batched MatMul', view: view(3, 5, 7, 'column'), shape: [3, 7, 5], blocked: true },
  { name: 'MatMul of rank 4', view: view(6, 5, 7, 'column'), shape: [2, 3, 7, 5], blocked: true },
  { name: 'LSTM', view: view(2, 8, 3, 'row'), shape: [2, 8, 3], blocked: true },
  { name: 'LSTM, one direction', view: view(1, 8, 3, 'row'), shape: [1, 8, 3], blocked: true },
  { name: 'Conv', view: view(1, 4, 18, 'row'), shape: [4, 2, 3, 3], blocked: false },
  { name: 'Conv 1x1', view: view(1, 4, 18, 'row'), shape: [4, 18, 1, 1], blocked: true },
]

const cases: PackingCase[] = []
for (const layout of layouts) {
  for (const bits of [2, 4, 8] as const) {
    for (const symmetric of [true, false]) {
      for (const granularity of layout.blocked
        ? (['tensor', 'channel', 2] as const)
        : (['tensor', 'channel'] as const)) {
        const spec = integerSpec(bits, granularity, symmetric, bits === 4 ? 'f16' : 'f32')
        const label = `${layout.name}, ${bits} bits, ${granularity}, ${symmetric ? 'sym' : 'asym'}`
        cases.push({ label, spec, view: layout.view, shape: layout.shape })
      }
    }
  }
}

const refused: PackingCase[] = [
  { label: 'blocks over a kernel', spec: integerSpec(8, 2), view: view(1, 4, 18, 'row'), shape: [4, 2, 3, 3] },
  { label: 'a cut axis', spec: integerSpec(8, 'channel'), view: view(1, 4, 9, 'row'), shape: [6, 6] },
  { label: 'stacked kernels', spec: integerSpec(8, 'channel'), view: view(2, 4, 9, 'row'), shape: [2, 4, 3, 3] },
  { label: 'nothing', spec: integerSpec(8, 'tensor'), view: view(1, 4, 0, 'row'), shape: [4, 0] },
]

packingContract(elements, cases, refused, [
  {
    label: 'signed 4 bits of [3, 2] blocked on axis 0',
    tensor: {
      spec: integerSpec(4, 2),
      view: view(1, 2, 3, 'column'),
      codes: Uint8Array.of(0, 8, 15, 7, 9, 1),
      // Channel-major in memory, blocks first in the file.
      scales: Float32Array.of(1, 2, 3, 4),
    },
    shape: [3, 2],
    hex: ['08f791', '0000803f00004040' + '0000004000008040'],
  },
  {
    label: 'unsigned 2 bits, a grid per row, zeros packed together',
    tensor: {
      spec: integerSpec(2, 'channel', false),
      view: view(1, 5, 1, 'row'),
      codes: Uint8Array.of(3, 0, 1, 2, 3),
      scales: Float32Array.of(1, 1, 1, 1, 1),
      zeros: Uint8Array.of(1, 0, 3, 2, 2),
    },
    shape: [5, 1],
    hex: ['9303', '0000803f'.repeat(5), 'b102'],
  },
  {
    label: 'signed bytes, one grid',
    tensor: {
      spec: integerSpec(8, 'tensor'),
      view: view(1, 1, 3, 'row'),
      codes: Uint8Array.of(0, 128, 255),
      scales: Float32Array.of(-0.5),
    },
    shape: [1, 3],
    hex: ['80007f', '000000bf'],
  },
])

describe('scale shapes of onnx/elements', () => {
  const shapesOf = (granularity: 'tensor' | 'channel' | number, of: MatrixView, shape: number[]) =>
    elements.parts(integerSpec(8, granularity), of, shape)[1]!.shape

  test('per axis where one axis carries the channels', () => {
    expect(shapesOf('channel', view(1, 5, 7, 'column'), [7, 5])).toEqual([5])
    expect(shapesOf('channel', view(1, 4, 18, 'row'), [4, 2, 3, 3])).toEqual([4])
    expect(shapesOf('channel', view(1, 1, 7, 'row'), [1, 7])).toEqual([1])
    expect(shapesOf('channel', view(1, 1, 7, 'row'), [7])).toEqual([])
    expect(shapesOf('tensor', view(2, 8, 3, 'row'), [2, 8, 3])).toEqual([])
  })

  test('one block over the depth where it does not', () => {
    expect(shapesOf('channel', view(2, 8, 3, 'row'), [2, 8, 3])).toEqual([2, 8, 1])
    expect(shapesOf('channel', view(3, 5, 7, 'column'), [3, 7, 5])).toEqual([3, 1, 5])
    expect(shapesOf('channel', view(1, 6, 7, 'column'), [7, 2, 3])).toEqual([1, 2, 3])
  })

  test('blocks divide the reduction axis', () => {
    expect(shapesOf(4, view(1, 5, 7, 'column'), [7, 5])).toEqual([2, 5])
    expect(shapesOf(4, view(1, 5, 7, 'row'), [5, 7])).toEqual([5, 2])
    expect(shapesOf(4, view(3, 5, 7, 'column'), [3, 7, 5])).toEqual([3, 2, 5])
    expect(shapesOf(4, view(1, 4, 18, 'row'), [4, 18, 1, 1])).toEqual([4, 5, 1, 1])
  })

  test('dtypes follow symmetry', () => {
    const asymmetric = elements.parts(integerSpec(4, 'channel', false, 'f16'), view(1, 5, 7, 'row'), [5, 7])
    expect(asymmetric.map(({ dtype, byteLength }) => [dtype, byteLength])).toEqual([
      ['u4', 18],
      ['f16', 10],
      ['u4', 3],
    ])
    expect(elements.parts(integerSpec(2, 'channel'), view(1, 5, 7, 'row'), [5, 7])[0]!.dtype).toBe('i2')
  })
})
