import { describe, expect, test } from 'vitest'
import { decodeSmallFloat } from '../../../src/numbers/small-floats.ts'
import { arrayScheme, dequantizeArray, quantizeArray, unpackedCodes } from '../../../src/schemes/arrays/index.ts'
import { codes, differences, readGolden, values } from '../read.ts'

interface Case {
  kind: string
  name: string
  set: string
  shape: number[]
  x: string
  codes: string
  scales: string
  back: string
  exponents: string
  tensorScale: string
}

const { cases } = readGolden<Case>('mx.json')
const closed = (scheme: string, golden: Case) =>
  quantizeArray(values(golden.x), { scheme, shape: golden.shape, effort: 'closed' })

describe('torchao to_mx, floor scaling', () => {
  const rows = cases.filter(({ kind }) => kind === 'mx')
  test.each(rows)('$name, $set values', (golden) => {
    const found = closed(golden.name, golden)
    const scales = found.parameters.scales!
    expect(differences(scales, codes(golden.scales))).toEqual([])
    const ours = unpackedCodes(found, arrayScheme(golden.name))
    const theirs = codes(golden.codes)
    const [back, expected, x] = [dequantizeArray(found), values(golden.back), values(golden.x)]
    for (let block = 0; block < scales.length; block++) {
      const of = <A extends Float32Array | Int32Array | Uint16Array>(all: A): A =>
        all.subarray(32 * block, 32 * block + 32) as A
      if (scales[block] === 0) {
        // Scale code 0 is 2^-127. torchao divides by 2^-126 there and multiplies by 2^-127, or the other way around.
        expect(squaredError(of(back), of(x))).toBeLessThanOrEqual(squaredError(of(expected), of(x)))
      } else {
        expect(differences(of(ours), of(theirs))).toEqual([])
        expect(differences(of(back), of(expected))).toEqual([])
      }
    }
  })
})

describe('microxcaling, MXINT8', () => {
  const [even, nearest] = ['even', 'nearest'].map(
    (name) => cases.find((one) => one.kind === 'mxint8' && one.name === name)!,
  )

  test('round even', () => {
    const found = closed('mxint8', even!)
    const x = values(even!.x)
    const theirs = codes(even!.exponents).map((exponent) => exponent + 127)
    const zeros = [...theirs.keys()].filter((block) =>
      x.subarray(32 * block, 32 * block + 32).every((one) => one === 0),
    )
    // A block of zeros takes the least scale here, 2^-126 there.
    expect(differences(found.parameters.scales!, theirs)).toEqual(zeros.map((block) => `[${block}] 0 instead of 1`))
    expect(differences(dequantizeArray(found), values(even!.back))).toEqual([])
  })

  test('round nearest is half away from zero: apart at ties only', () => {
    const [back, away, x] = [dequantizeArray(closed('mxint8', nearest!)), values(nearest!.back), values(nearest!.x)]
    const apart = [...x.keys()].filter((index) => back[index] !== away[index])
    expect(apart.length).toBeGreaterThan(0)
    for (const index of apart) expect(Math.abs(back[index]! - x[index]!)).toBe(Math.abs(away[index]! - x[index]!))
  })
})

describe('torchao nvfp4_quantize', () => {
  const golden = cases.find(({ kind }) => kind === 'nvfp4')!
  const theirs = codes(golden.scales)

  test('scales', () => {
    const found = closed('nvfp4', golden)
    expect(differences(found.parameters.tensorScale!, values(golden.tensorScale))).toEqual([])
    const ours = found.parameters.scales!
    const [x, tensorScale] = [values(golden.x), values(golden.tensorScale)[0]!]
    for (const [block, code] of theirs.entries()) {
      // theirs are at least 2^-6 (code 8), ours go down to 2^-9.
      if (ours[block] === code || code === 8) continue
      // theirs are rounded to f32 twice before they become e4m3fn: another neighbour when it was a tie.
      const largest = x.subarray(16 * block, 16 * block + 16).reduce((most, one) => Math.max(most, Math.abs(one)), 0)
      const middle = (decodeSmallFloat(code, 'e4m3fn') + decodeSmallFloat(ours[block]!, 'e4m3fn')) / 2
      expect(Math.abs(ours[block]! - code)).toBe(1)
      expect(Math.abs(largest / 6 / tensorScale / middle - 1)).toBeLessThan(2e-7)
    }
  })

  test('codes under the same scales', () => {
    const grid = {
      scales: Float32Array.from(theirs, (code) => decodeSmallFloat(code, 'e4m3fn')),
      tensorScale: values(golden.tensorScale),
    }
    const found = quantizeArray(values(golden.x), { scheme: 'nvfp4', shape: golden.shape, grid })
    const expected = codes(golden.codes)
    expect(differences(unpackedCodes(found, arrayScheme('nvfp4')), expected)).toEqual([])
  })
})

function squaredError(found: Float32Array, wanted: Float32Array): number {
  return found.reduce((sum, value, index) => sum + (value - wanted[index]!) ** 2, 0)
}
