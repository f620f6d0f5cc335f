import { describe, expect, test } from 'vitest'
import { codecContract } from '../../../test/contracts/codec.ts'
import { codes, differences, readGolden, values } from '../../../test/golden/read.ts'
import { decodeArray } from '../arrays/dequantize-array.ts'
import { encodeArray } from '../arrays/quantize-array.ts'
import { parseArrayScheme } from '../arrays/scheme-grammar.ts'
import { DOUBLE_SCALES } from './double-family.ts'
import { DYNAMIC_MAP } from './dynamic-map.ts'

interface Case {
  readonly kind: string
  readonly name: string
  readonly table: string
  readonly x: string
  readonly codes: string
  readonly back: string
  readonly absmaxCodes: string
  readonly offset: string
  readonly absmax2: string
}

const { cases } = readGolden<Case>('bitsandbytes.json')
const scheme = parseArrayScheme('nf4double', [DOUBLE_SCALES])

codecContract(scheme, { idempotent: ['closed', 'fast', 'exact'], scales: false })

test('the dynamic map is that of bitsandbytes', () => {
  const table = cases.find(({ name }) => name === 'dynamic 8 bits')!.table
  expect(differences(DYNAMIC_MAP, values(table))).toEqual([])
})

describe('nf4 with nested scales of bitsandbytes', () => {
  const one = cases.find(({ name }) => name === 'nf4 block 64 nested')!
  const x = values(one.x)

  test('its codes decode to the same f32', () => {
    const parameters = new Float32Array(257)
    parameters.set(codes(one.absmaxCodes))
    parameters[256] = values(one.absmax2)[0]!
    const decoded = new Float32Array(x.length)
    scheme.codec.decode(Uint16Array.from(codes(one.codes)), parameters, values(one.offset), decoded)
    expect(differences(decoded, values(one.back))).toEqual([])
  })

  test('a smaller error than its encoder, at the same bytes; less with every effort', () => {
    const errorOf = (decoded: Float32Array) => decoded.reduce((sum, value, i) => sum + (value - x[i]!) ** 2, 0)
    const theirs = errorOf(values(one.back))
    const errors = scheme.codec.efforts.map((effort) =>
      errorOf(decodeArray(encodeArray(x, scheme, { effort }), scheme)),
    )
    expect(errors[0]!).toBeLessThan(theirs * 1.01)
    expect(errors[1]!).toBeLessThan(theirs * 0.97)
    expect(errors[2]!).toBeLessThanOrEqual(errors[1]!)
  })
})
