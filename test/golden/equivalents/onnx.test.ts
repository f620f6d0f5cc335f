import { describe, expect, test } from 'vitest'
import { decodeSmallFloat, encodeSmallFloat, overflowOf, type SmallFloat } from '../../../src/numbers/small-floats.ts'
import { arrayScheme, dequantizeArray, quantizeArray, unpackedCodes } from '../../../src/schemes/arrays/index.ts'
import { codes, differences, readGolden, values } from '../read.ts'

interface Case {
  name: string
  code: string
  low?: number
  high?: number
  shape: number[]
  axis?: number
  block_size?: number
  scale: string
  zero: string
  x: string
  codes: string
  back: string
}

const { cases } = readGolden<Case>('onnx-linear.json')
const integers = cases.filter(({ low, name }) => low !== undefined && !name.includes('beyond'))

function schemeOf({ code, shape, axis, block_size: block }: Case): string | undefined {
  const name = code.replace('uint', 'int')
  if (axis === undefined) return `${name}-tensor-asym`
  const kept = axis < 0 ? axis + shape.length : axis
  if (block === undefined) return `${name}-channel${kept}-asym`
  // Blocks lie along the last dimension here.
  return kept === shape.length - 1 ? `${name}-block${block}-asym` : undefined
}

describe('QuantizeLinear, then DequantizeLinear, with a given grid', () => {
  test.each(integers.filter((golden) => schemeOf(golden) !== undefined))('$name', (golden) => {
    const zeros = codes(golden.zero).map((zero) => zero - golden.low!)
    const scales = values(golden.scale)
    const x = values(golden.x)
    const found = quantizeArray(x, { scheme: schemeOf(golden)!, shape: golden.shape, grid: { scales, zeros } })
    const expected = codes(golden.codes).map((code) => code - golden.low!)
    const ours = unpackedCodes(found, arrayScheme(found.scheme))
    // ONNX divides, we multiply by the f32 reciprocal: apart by one code where the quotient is within 2 ulp of a tie.
    const apart = [...ours.keys()].filter((index) => ours[index] !== expected[index])
    for (const index of apart) {
      expect(golden.axis).toBeUndefined()
      const quotient = x[index]! / scales[0]!
      expect(Math.abs(quotient - Math.floor(quotient) - 0.5)).toBeLessThan(2 ** -22 * Math.max(1, Math.abs(quotient)))
      expect(Math.abs(ours[index]! - expected[index]!)).toBe(1)
    }
    const back = dequantizeArray(found)
    const same = [...x.keys()].filter((index) => !apart.includes(index))
    expect(
      differences(
        same.map((index) => back[index]!),
        same.map((index) => values(golden.back)[index]!),
      ),
    ).toEqual([])
  })
})

interface FloatCase extends Case {
  saturate: number
}

const floats = (cases as FloatCase[]).filter(({ saturate }) => saturate !== undefined)

describe('QuantizeLinear to floats', () => {
  test.each(floats)('$name, value by value', (golden) => {
    const scale = values(golden.scale)[0]!
    const dtype = golden.code as SmallFloat
    const overflow = golden.saturate ? 'saturate' : overflowOf(dtype)
    const found = values(golden.x).map((x) => encodeSmallFloat(Math.fround(x / scale), dtype, { overflow }))
    expect(differences(found, codes(golden.codes))).toEqual([])
    const back = found.map((code) => decodeSmallFloat(code, dtype) * scale)
    expect(differences(back, values(golden.back))).toEqual([])
  })

  test.each(floats.filter(({ saturate }) => saturate))('$name, quantizeArray with a given scale', (golden) => {
    const scale = values(golden.scale)[0]!
    const x = values(golden.x)
    const found = quantizeArray(x, { scheme: `${golden.code}-tensor`, grid: { scales: scale } })
    const ours = unpackedCodes(found, arrayScheme(found.scheme))
    const dtype = golden.code as SmallFloat
    for (const [index, code] of codes(golden.codes).entries()) {
      if (ours[index] === code) continue
      // The reciprocal again: a neighbour, and as near as theirs but for rounding.
      const [a, b] = [decodeSmallFloat(ours[index]!, dtype), decodeSmallFloat(code, dtype)]
      const quotient = x[index]! / scale
      expect(Math.abs(quotient - (a + b) / 2)).toBeLessThan(2 ** -22 * Math.abs(quotient))
    }
  })
})
