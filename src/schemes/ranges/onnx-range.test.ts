import { expect, test } from 'vitest'
import { codes, differences, readGolden, values } from '../../../test/golden/read.ts'
import { quantizeAffine } from './affine.ts'
import { onnxDynamicRange } from './onnx-range.ts'

interface Case {
  name: string
  code: string
  x: string
  scale: string
  zero: string
  codes: string
}

const { cases } = readGolden<Case>('onnx-linear.json')

test.each(cases.filter(({ code }) => code === 'dynamic'))('DynamicQuantizeLinear, $name', (golden) => {
  const x = values(golden.x)
  const { scale, zero } = onnxDynamicRange(Math.min(...x), Math.max(...x))
  expect([scale, zero]).toEqual([values(golden.scale)[0], codes(golden.zero)[0]])
  expect(differences(quantizeAffine(x, scale, zero, { low: 0, high: 255 }), codes(golden.codes))).toEqual([])
})

test.each([
  [1, 0],
  [0, 1e-44],
  [0, Number.NaN],
])('refuses %d to %d', (min, max) => {
  expect(() => onnxDynamicRange(min, max)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
})
