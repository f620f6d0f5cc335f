import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBf16, decodeBf16Array, encodeBf16, encodeBf16Array, roundToBf16 } from './bf16.ts'

function definition(code: number): number {
  const sign = code >= 0x8000 ? -1 : 1
  const exponent = Math.floor(code / 128) % 256
  const fraction = code % 128
  if (exponent === 255) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -133 : sign * (128 + fraction) * 2 ** (exponent - 134)
}

const allCodes = Uint16Array.from({ length: 65536 }, (_, code) => code)

describe('bf16', () => {
  test('all 65,536 codes decode to their definition', () => {
    const decoded = decodeBf16Array(allCodes)
    for (let code = 0; code < 65536; code++) {
      if (!Object.is(decodeBf16(code), definition(code)) || !Object.is(decoded[code], definition(code))) {
        expect.fail(`code ${code}: ${decodeBf16(code)}, expected ${definition(code)}`)
      }
    }
  })

  test('all codes survive decode and encode; NaN become the quiet one of their sign', () => {
    const codes = new Uint16Array(65536)
    expect(encodeBf16Array(decodeBf16Array(allCodes), codes)).toBe(0)
    for (let code = 0; code < 65536; code++) {
      const expected = (code & 0x7fff) > 0x7f80 ? (code & 0x8000) | 0x7fc0 : code
      if (codes[code] !== expected) expect.fail(`code ${code} came back as ${codes[code]}`)
    }
  })

  test('between neighbours: the middle to the even code, anything else to the nearer', () => {
    for (let code = 0; code < 0x7f7f; code++) {
      const middle = (definition(code) + definition(code + 1)) / 2
      const even = code % 2 === 0 ? code : code + 1
      const step = Math.max(middle * 2 ** -23, 2 ** -149)
      if (encodeBf16(middle) !== even || encodeBf16(-middle) !== (even | 0x8000)) expect.fail(`middle above ${code}`)
      if (encodeBf16(middle - step) !== code) expect.fail(`below the middle above code ${code}`)
      if (encodeBf16(middle + step) !== code + 1) expect.fail(`above the middle above code ${code}`)
    }
  })

  test('overflow, counted; a NaN of low payload bits only stays NaN', () => {
    const largest = definition(0x7f7f)
    expect(encodeBf16(largest)).toBe(0x7f7f)
    expect(encodeBf16(3.4028234663852886e38)).toBe(0x7f80)
    const lowNaN = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer)
    const codes = new Uint16Array(2)
    expect(encodeBf16Array(lowNaN, codes)).toBe(0)
    expect([...codes]).toEqual([0x7fc0, 0xffc0])
    expect(encodeBf16Array(Float32Array.of(3.4e38, Infinity), codes)).toBe(1)
  })

  test('the nearest code, for any float', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -Math.fround(3e38), max: Math.fround(3e38) }), (value) => {
        return Math.abs(roundToBf16(value) - value) <= Math.max(Math.abs(value) * 2 ** -8, 2 ** -134)
      }),
    )
  })
})
