import { describe, expect, test } from 'vitest'
import { extremeKinds, weightKinds } from '../../test/contracts/weights.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import { decodeBf16Array, encodeBf16Array } from '../numbers/bf16.ts'
import { decodeF16Array, encodeF16Array } from '../numbers/f16.ts'
import { decodeHalf, encodeHalf, halfErrorBound } from './half.ts'

const kernels = createWasmKernelsSync()
const encoders = { f16: encodeF16Array, bf16: encodeBf16Array }
const decoders = { f16: decodeF16Array, bf16: decodeBf16Array }

describe.each(['f16', 'bf16'] as const)('half scheme %s', (dtype) => {
  test('kernels and number formats agree on every code and on weights of all kinds', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, code) => code)
    const decoded = decodeHalf(all, dtype, kernels)
    expect(new Uint32Array(decoded.buffer)).toEqual(new Uint32Array(decoders[dtype](all).buffer))
    for (const make of Object.values({ ...weightKinds, ...extremeKinds })) {
      const values = make(1, 1001)
      const codes = new Uint16Array(values.length)
      const overflowed = encoders[dtype](values, codes)
      expect(encodeHalf(values, dtype, kernels)).toEqual({ dtype, codes, overflowed })
    }
  })

  test('overflow is counted', () => {
    const values = Float32Array.of(1, 3.4e38, -3.4e38, 7e4)
    expect(encodeHalf(values, dtype, kernels).overflowed).toBe(dtype === 'f16' ? 3 : 2)
  })

  test('within the error bound', () => {
    for (const make of [weightKinds.gaussian, weightKinds.outliers, extremeKinds.tiny]) {
      const values = make(2, 500)
      const decoded = decodeHalf(encodeHalf(values, dtype, kernels).codes, dtype, kernels)
      for (const [index, value] of values.entries()) {
        expect(Math.abs(decoded[index]! - value)).toBeLessThanOrEqual(halfErrorBound(dtype, Math.abs(value)))
      }
    }
  })

  test('longer than one call, and empty', () => {
    const values = Float32Array.from({ length: 1_048_577 }, (_, index) => index / 7)
    const { codes } = encodeHalf(values, dtype, kernels)
    const expected = new Uint16Array(values.length)
    encoders[dtype](values, expected)
    expect(codes.every((code, index) => code === expected[index])).toBe(true)
    expect(decodeHalf(codes, dtype, kernels).at(-1)).toBe(decoders[dtype](expected.slice(-1))[0])
    expect(encodeHalf(new Float32Array(0), dtype, kernels).codes.length).toBe(0)
    expect(decodeHalf(new Uint16Array(0), dtype, kernels).length).toBe(0)
  })
})
