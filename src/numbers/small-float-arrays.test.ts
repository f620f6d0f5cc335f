import { describe, expect, it } from 'vitest'
import { decodeSmallFloats, encodeSmallFloats, roundToTf32 } from './small-float-arrays.ts'
import { decodeSmallFloat, encodeSmallFloat, overflowOf, roundToSmallFloat } from './small-floats.ts'

/** Words that step through all exponents and fractions, both signs. */
function everywhere(count: number): Float32Array {
  const words = Uint32Array.from(
    { length: count },
    (_, index) => Math.floor((index * 4294967296) / count) + (index % 3),
  )
  return new Float32Array(words.buffer)
}

describe('arrays of small floats', () => {
  const many = everywhere(120_001)
  const few = many.filter((_, index) => index % 47 === 0)
  for (const dtype of ['e4m3fn', 'e4m3fnuz', 'e4m3b11', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m3', 'e3m2', 'e2m1'] as const) {
    it(`${dtype}: few values, many by table`, () => {
      for (const [rounding, overflow] of [
        ['half-even', overflowOf(dtype)],
        ['floor', 'saturate'],
      ] as const) {
        const codes = new Uint8Array(many.length)
        encodeSmallFloats(many, dtype, codes, { rounding, overflow })
        for (let i = 0; i < many.length; i += 7) {
          if (codes[i] !== encodeSmallFloat(many[i]!, dtype, { rounding, overflow }))
            expect.fail(`${many[i]} ${rounding}`)
        }
      }
      const codes = new Uint16Array(few.length)
      encodeSmallFloats(few, dtype, codes)
      expect([...codes]).toEqual(Array.from(few, (x) => encodeSmallFloat(x, dtype)))
      const values = new Float32Array(few.length)
      decodeSmallFloats(codes, dtype, values)
      expect([...values]).toEqual(Array.from(codes, (code) => decodeSmallFloat(code, dtype)))
    })
  }

  it('f16 and bf16, by the fast path and with rules of their own', () => {
    for (const dtype of ['f16', 'bf16'] as const) {
      for (const options of [{}, { overflow: 'saturate' }, { overflow: 'nan' }, { rounding: 'truncate' }] as const) {
        const codes = new Uint16Array(few.length)
        encodeSmallFloats(few, dtype, codes, options)
        const values = new Float32Array(few.length)
        decodeSmallFloats(codes, dtype, values)
        const expected = Array.from(few, (x) => roundToSmallFloat(x, dtype, options))
        expect([...values]).toEqual(expected)
      }
    }
  })

  it('stochastic rounding draws by position', () => {
    const values = new Float32Array(4).fill(2.5)
    const codes = new Uint8Array(4)
    encodeSmallFloats(values, 'e2m1', codes, { rounding: 'stochastic', seed: 3, index: 10 })
    const expected = [10, 11, 12, 13].map((index) =>
      encodeSmallFloat(2.5, 'e2m1', { rounding: 'stochastic', seed: 3, index }),
    )
    expect([...codes]).toEqual(expected)
  })

  it('tf32 in place', () => {
    const values = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, -1 - 2 ** -10, 3.4028e38, 0)
    roundToTf32(values, { overflow: 'saturate' })
    expect([...values]).toEqual([1, 1 + 2 ** -9, -1 - 2 ** -10, 3.4011621342146535e38, 0])
  })
})
