import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeF16, decodeF16Array, encodeF16, encodeF16Array, roundToF16 } from './f16.ts'

/** The definition, in exact double arithmetic. */
function definition(code: number): number {
  const sign = code >= 0x8000 ? -1 : 1
  const exponent = Math.floor(code / 1024) % 32
  const fraction = code % 1024
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

const allCodes = Uint16Array.from({ length: 65536 }, (_, code) => code)

describe('f16', () => {
  test('all 65,536 codes decode to their definition', () => {
    const decoded = decodeF16Array(allCodes)
    for (let code = 0; code < 65536; code++) {
      if (!Object.is(decodeF16(code), definition(code)) || !Object.is(decoded[code], definition(code))) {
        expect.fail(`code ${code}: ${decodeF16(code)}, expected ${definition(code)}`)
      }
    }
  })

  test('all codes survive decode and encode; NaN become the quiet one of their sign', () => {
    const codes = new Uint16Array(65536)
    expect(encodeF16Array(decodeF16Array(allCodes), codes)).toBe(0)
    for (let code = 0; code < 65536; code++) {
      const isNaNCode = (code & 0x7fff) > 0x7c00
      const expected = isNaNCode ? (code & 0x8000) | 0x7e00 : code
      if (codes[code] !== expected) expect.fail(`code ${code} came back as ${codes[code]}`)
    }
  })

  test('between neighbours: below the middle down, above up, the middle to the even code', () => {
    for (let code = 0; code < 0x7bff; code++) {
      const low = definition(code)
      const high = definition(code + 1)
      const middle = (low + high) / 2
      const even = code % 2 === 0 ? code : code + 1
      const step = middle * 2 ** -23 || 2 ** -149
      for (const sign of [0, 0x8000]) {
        const signed = (value: number) => encodeF16(sign === 0 ? value : -value)
        if (signed(middle) !== (sign | even)) expect.fail(`middle above code ${code}`)
        if (signed(middle - step) !== (sign | code)) expect.fail(`below the middle above code ${code}`)
        if (signed(middle + step) !== (sign | (code + 1))) expect.fail(`above the middle above code ${code}`)
      }
    }
  })

  test('overflow, counted', () => {
    expect(encodeF16(65519.996)).toBe(0x7bff)
    expect(encodeF16(65520)).toBe(0x7c00)
    expect(encodeF16(-1e38)).toBe(0xfc00)
    const codes = new Uint16Array(5)
    expect(encodeF16Array(Float32Array.of(1, 65520, -7e4, Infinity, Number.NaN), codes)).toBe(2)
    expect([...codes.subarray(0, 4)]).toEqual([0x3c00, 0x7c00, 0xfc00, 0x7c00])
  })

  test('zeros keep their sign, f32 subnormals vanish', () => {
    expect(encodeF16(-0)).toBe(0x8000)
    expect(encodeF16(1e-45)).toBe(0)
    expect(encodeF16(2 ** -25)).toBe(0)
    expect(encodeF16(2 ** -25 * (1 + 2 ** -23))).toBe(1)
  })

  test('the nearest code, for any float', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (value) => {
        const error = Math.abs(roundToF16(value) - value)
        return error <= Math.max(Math.abs(value) * 2 ** -11, 2 ** -25)
      }),
    )
  })
})
