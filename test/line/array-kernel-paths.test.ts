import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWasmKernelsSync } from '../../src/kernels/index.ts'
import { arrayScheme, dequantizeArray, exampleIds, FAMILIES, quantizeArray } from '../../src/schemes/arrays/index.ts'
import { sampleValues } from '../contracts/kernels-pair.ts'

const kernels = createWasmKernelsSync()
const ids = exampleIds(FAMILIES).filter((id) => arrayScheme(id).codec.kernel !== undefined)

describe('arrays by kernels', () => {
  it('are what many schemes have', () => {
    expect(ids).toEqual(
      expect.arrayContaining(['int8-row', 'nf4-block64', 'ternary-row', 'binary-row', 'int4-block32-signed-f16']),
    )
  })

  it.each(ids)('have the bytes and values of the codec: %s', (id) => {
    const shapes = fc.constantFrom<number[]>([1, 640], [7, 96], [3, 4, 128], [5, 33], [2000], [1, 1])
    fc.assert(
      fc.property(shapes, fc.constantFrom(0, 1, 2, 3, 4, 5, 7), fc.nat(500), (shape, kind, seed) => {
        const count = shape.reduce((product, size) => product * size, 1)
        const values = sampleValues(count, kind, seed)
        const options = { scheme: id, shape, effort: 'closed' as const }
        const plain = quantizeArray(values, options)
        expect(quantizeArray(values, { ...options, kernels })).toEqual(plain)
        expect(dequantizeArray(plain, { kernels })).toEqual(dequantizeArray(plain))
      }),
      { numRuns: 20 },
    )
  })

  it('walk arrays longer than one call', () => {
    const values = sampleValues(300_000, 0, 9)
    for (const scheme of ['int8-block64', 'nf4-block64', 'ternary-block64', 'e4m3fn-block64']) {
      const options = { scheme, shape: [10, 30_000 - (30_000 % 64)], effort: 'closed' as const }
      const some = values.subarray(0, options.shape[0]! * options.shape[1]!)
      const plain = quantizeArray(some, options)
      expect(quantizeArray(some, { ...options, kernels })).toEqual(plain)
      expect(dequantizeArray(plain, { kernels })).toEqual(dequantizeArray(plain))
    }
  })

  it('refuse and fall back as the codec does', () => {
    const values = Float32Array.of(1, 2, Number.NaN, 4)
    expect(() => quantizeArray(values, { scheme: 'int8-row', kernels })).toThrow(/value 2 is NaN/)
    const huge = Float32Array.of(3e38, -1e38, 0, 5)
    expect(quantizeArray(huge, { scheme: 'int8-row', kernels })).toEqual(quantizeArray(huge, { scheme: 'int8-row' }))
    const good = quantizeArray(Float32Array.of(1, 2), { scheme: 'int8-row' })
    expect(() => dequantizeArray({ ...good, codes: new Uint8Array(1) }, { kernels })).toThrow(/bytes of codes/)
    const trits = quantizeArray(Float32Array.of(1, 2), { scheme: 'ternary-row' })
    expect(() => dequantizeArray({ ...trits, codes: Uint8Array.of(250) }, { kernels })).toThrow()
  })
})
