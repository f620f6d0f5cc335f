import { describe, expect, it } from 'vitest'
import type { StaticProduct } from '../../model/activation.ts'
import { correctedBias } from './bias-correction.ts'

const product = (op: StaticProduct['op'], shape: readonly number[], axis: number) =>
  ({ op, weight: { name: 'w', axis, shape }, operands: ['x'] }) as unknown as StaticProduct

describe('bias correction', () => {
  it('takes back what rounding adds to the mean of a matrix product, whichever way the matrix lies', () => {
    const mean = Float64Array.of(2, -1)
    const bias = Float32Array.of(10, 20, 30)
    const values = Float32Array.of(0, 0, 0, 0, 0, 0)
    // [3, 2]: outputs first.
    const decoded = Float32Array.of(1, 0, 0, 1, 1, 1)
    expect(correctedBias(product('Gemm', [3, 2], 0), bias, values, decoded, mean)).toEqual(Float32Array.of(8, 21, 29))
    // [2, 3]: inputs first.
    const turned = Float32Array.of(1, 0, 1, 0, 1, 1)
    expect(correctedBias(product('MatMul', [2, 3], 1), bias, values, turned, mean)).toEqual(Float32Array.of(8, 21, 29))
  })
  it('sums over kernels and keeps groups apart', () => {
    const bias = Float32Array.of(0, 0)
    const values = new Float32Array(4)
    const decoded = Float32Array.of(1, 2, 3, 4)
    const depthwise = correctedBias(product('Conv', [2, 1, 2], 0), bias, values, decoded, Float64Array.of(1, 10))
    expect(depthwise).toEqual(Float32Array.of(-3, -70))
    const full = correctedBias(product('Conv', [2, 2, 1], 0), bias, values, decoded, Float64Array.of(1, 10))
    expect(full).toEqual(Float32Array.of(-21, -43))
  })
  it('does nothing where it cannot tell channels', () => {
    const none = correctedBias(
      product('Conv', [2, 2, 1], 0),
      Float32Array.of(0, 0),
      new Float32Array(4),
      new Float32Array(4),
      Float64Array.of(1, 2, 3),
    )
    expect(none).toBeNull()
  })
})
