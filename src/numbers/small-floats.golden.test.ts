import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  decodeSmallFloat,
  encodeSmallFloat,
  type FloatName,
  type SmallFloat,
  smallFloatValues,
} from './small-floats.ts'

interface Golden {
  readonly inputs: { readonly f32: string; readonly f64: string }
  readonly types: Readonly<
    Record<string, { decoded?: string; decodedSha256?: string; encoded: string; encodedF64?: string }>
  >
}

const golden = JSON.parse(
  readFileSync(new URL('../../test/golden/small-floats.json', import.meta.url), 'utf8'),
) as Golden

function unpacked(text: string): ArrayBuffer {
  return Uint8Array.from(inflateSync(Buffer.from(text, 'base64'))).buffer
}

const singles = new Float32Array(unpacked(golden.inputs.f32))
const doubles = new Float64Array(unpacked(golden.inputs.f64))

function encodeAll(values: Float32Array | Float64Array, dtype: FloatName): number[] {
  return Array.from(values, (value) => encodeSmallFloat(value, dtype))
}

function differences(found: number[], expected: ArrayLike<number>, inputs: ArrayLike<number>): string[] {
  expect(found.length).toBe(expected.length)
  return found.flatMap((code, index) =>
    code === expected[index] ? [] : [`${inputs[index]}: ${code} instead of ${expected[index]}`],
  )
}

/** ml_dtypes 0.6 rounds every f32 between 2^-127 and 1.5 * 2^-127 up to 2^-126 (code 1); the nearest value is 2^-127 (code 0). */
function correctLeastInterval(expected: Uint8Array): void {
  const within = [...singles.keys()].filter((index) => singles[index]! > 2 ** -127 && singles[index]! < 1.5 * 2 ** -127)
  expect(within.length).toBeGreaterThan(0)
  for (const index of within) {
    expect(expected[index]).toBe(1)
    expected[index] = 0
  }
}

describe('against ml_dtypes and numpy', () => {
  it('has enough inputs', () => {
    expect(singles.length).toBeGreaterThan(4000)
    expect(Object.keys(golden.types)).toHaveLength(11)
  })

  for (const [name, { decoded, decodedSha256, encoded, encodedF64 }] of Object.entries(golden.types)) {
    const dtype = name as FloatName
    if (decoded !== undefined) {
      it(`${name}: every code`, () => {
        const expected = new Float32Array(unpacked(decoded))
        const found = smallFloatValues(dtype as SmallFloat)
        expect(found.length).toBe(expected.length)
        for (const [code, value] of expected.entries()) {
          if (!Object.is(found[code], value)) expect.fail(`code ${code}: ${found[code]} instead of ${value}`)
        }
      })
      it(`${name}: ${singles.length} floats and ${doubles.length} doubles`, () => {
        const expected = new Uint8Array(unpacked(encoded))
        if (dtype === 'e8m0') correctLeastInterval(expected)
        expect(differences(encodeAll(singles, dtype), expected, singles)).toEqual([])
        expect(differences(encodeAll(doubles, dtype), new Uint8Array(unpacked(encodedF64!)), doubles)).toEqual([])
      })
    } else {
      it(`${name}: every code`, () => {
        const values = Float32Array.from({ length: 65536 }, (_, code) => decodeSmallFloat(code, dtype) || 0)
        // NaN counts as 0; negative zero keeps its sign.
        values[0x8000] = -0
        expect(decodeSmallFloat(0x8000, dtype)).toBe(-0)
        expect(createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex')).toBe(decodedSha256)
      })
      it(`${name}: ${singles.length} floats`, () => {
        const expected = Array.from(new Uint16Array(unpacked(encoded)))
        const found = encodeAll(singles, dtype)
        // numpy keeps the payload of a NaN; ours is the quiet one of its sign.
        for (const [index, value] of singles.entries()) {
          if (Number.isNaN(value)) expected[index] = found[index]!
        }
        expect(differences(found, expected, singles)).toEqual([])
      })
    }
  }
})
