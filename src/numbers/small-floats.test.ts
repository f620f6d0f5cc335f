import { describe, expect, it } from 'vitest'
import { decodeSmallFloat, smallFloatValues } from './small-floats.ts'

describe('floats of 8 bits and less', () => {
  it('known codes, from the tables of the ONNX and OCP documents', () => {
    const known = [
      ['e4m3fn', 0x00, 0],
      ['e4m3fn', 0x01, 1 / 512],
      ['e4m3fn', 0x38, 1],
      ['e4m3fn', 0x7e, 448],
      ['e4m3fn', 0xfe, -448],
      ['e4m3fn', 0x7f, Number.NaN],
      ['e4m3fnuz', 0x40, 1],
      ['e4m3fnuz', 0x7f, 240],
      ['e4m3fnuz', 0x80, Number.NaN],
      ['e5m2', 0x3c, 1],
      ['e5m2', 0x01, 1 / 65536],
      ['e5m2', 0x7b, 57344],
      ['e5m2', 0x7c, Number.POSITIVE_INFINITY],
      ['e5m2', 0xfc, Number.NEGATIVE_INFINITY],
      ['e5m2', 0x7d, Number.NaN],
      ['e5m2fnuz', 0x40, 1],
      ['e5m2fnuz', 0x7f, 57344],
      ['e5m2fnuz', 0x80, Number.NaN],
      ['e8m0', 127, 1],
      ['e8m0', 130, 8],
      ['e8m0', 255, Number.NaN],
    ] as const
    for (const [dtype, code, value] of known) expect(decodeSmallFloat(code, dtype), `${dtype} ${code}`).toBe(value)
  })

  it('e2m1 in full', () => {
    const half = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    expect([...smallFloatValues('e2m1')]).toEqual([...half, ...half.map((value) => -value)])
  })

  it('negative codes mirror positive ones', () => {
    for (const dtype of ['e4m3fn', 'e5m2'] as const) {
      const values = smallFloatValues(dtype)
      for (let code = 0; code < 128; code++) expect(Object.is(values[code + 128], -values[code]!)).toBe(true)
    }
  })
})
