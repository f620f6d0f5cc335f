import { describe, expect, test } from 'vitest'
import { codes, differences, readGolden, values } from '../../../test/golden/read.ts'
import { torchDynamicQParams, torchQParams } from './torch-range.ts'

interface Case {
  kind: string
  name: string
  type: 'int8' | 'uint8'
  reduce: boolean
  symmetric: boolean
  custom?: boolean
  low: number
  high: number
  ranges: string
  scales: string
  zeros: string
}

const { cases } = readGolden<Case>('torch.json')

test.each(cases.filter(({ kind }) => kind === 'qparams'))('observer: $name', (golden) => {
  const { type, symmetric, reduce, custom, low, high } = golden
  const options = { type, symmetric, reduceRange: reduce, ...(custom && { codes: { low, high } }) }
  const ranges = values(golden.ranges)
  const found = Array.from({ length: ranges.length / 2 }, (_, index) =>
    torchQParams(ranges[2 * index]!, ranges[2 * index + 1]!, options),
  )
  expect(found.map((grid) => [grid.low, grid.high])).toEqual(found.map(() => [low, high]))
  const scales = found.map(({ scale }) => scale)
  const zeros = found.map(({ zero }) => zero)
  expect(differences(scales, values(golden.scales))).toEqual([])
  expect(differences(zeros, codes(golden.zeros))).toEqual([])
})

test.each(cases.filter(({ kind }) => kind === 'dynamic qparams'))('dynamic: $name', (golden) => {
  const ranges = values(golden.ranges)
  const found = Array.from({ length: ranges.length / 2 }, (_, index) =>
    torchDynamicQParams(ranges[2 * index]!, ranges[2 * index + 1]!, golden.reduce),
  )
  const scales = Float32Array.from(found, ({ scale }) => scale)
  const zeros = found.map(({ zero }) => zero)
  expect(differences(scales, values(golden.scales))).toEqual([])
  expect(differences(zeros, codes(golden.zeros))).toEqual([])
})

describe('refuses', () => {
  test.each([
    ['min above max', () => torchQParams(1, 0, { type: 'int8' })],
    ['NaN', () => torchQParams(Number.NaN, 0, { type: 'int8' })],
    ['an infinite end', () => torchDynamicQParams(0, Number.POSITIVE_INFINITY)],
    ['codes without 0', () => torchQParams(0, 1, { type: 'uint8', codes: { low: 1, high: 9 } })],
    ['a reduced symmetric uint8', () => torchQParams(0, 1, { type: 'uint8', symmetric: true, reduceRange: true })],
  ])('%s', (_, act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })
})
