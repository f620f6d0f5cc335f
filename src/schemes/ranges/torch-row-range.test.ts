import { expect, test } from 'vitest'
import { differences, readGolden, values } from '../../../test/golden/read.ts'
import { torchRowRange } from './torch-row-range.ts'

interface Case {
  kind: string
  name: string
  bits: number
  shape: [number, number]
  x: string
  low: string
  high: string
}

const { cases } = readGolden<Case>('torch.json')

test.each(cases.filter(({ kind }) => kind === 'optimized'))('choose_qparams_optimized, $name', (golden) => {
  const [rows, columns] = golden.shape
  const all = values(golden.x)
  const found = Array.from({ length: rows }, (_, row) =>
    torchRowRange(all.subarray(row * columns, (row + 1) * columns), { bits: golden.bits }),
  )
  expect(
    differences(
      found.map(({ min }) => min),
      values(golden.low),
    ),
  ).toEqual([])
  expect(
    differences(
      found.map(({ max }) => max),
      values(golden.high),
    ),
  ).toEqual([])
})
