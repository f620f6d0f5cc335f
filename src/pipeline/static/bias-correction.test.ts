import { describe, expect, it } from 'vitest'
import { createKernelsSync } from '../../kernels/index.ts'
import type { StaticProduct, StaticWeight } from '../../model/activation.ts'
import { correctedBias } from './bias-correction.ts'

const kernels = createKernelsSync()
const product = (op: StaticProduct['op'], shape: readonly number[], axis: number) =>
  ({ op, weight: { name: 'w', axis, shape }, operands: ['x'] }) as unknown as StaticProduct

/** Codes of scale 1. */
function codesOf(codes: readonly number[], channels: number): StaticWeight {
  const bytes = Uint8Array.from(codes)
  const storage = { kind: 'bytes' as const, bytes, byteLength: bytes.length }
  return { codes: { name: '', dtype: 'i8', shape: [], storage }, scales: new Float32Array(channels).fill(1), axis: 0 }
}

describe('bias correction', () => {
  it('takes back what rounding adds to the mean of a matrix product, whichever way the matrix lies', () => {
    const mean = Float64Array.of(2, -1)
    const bias = Float32Array.of(10, 20, 30)
    const values = Float32Array.of(0, 0, 0, 0, 0, 0)
    // [3, 2]: outputs first.
    const decoded = codesOf([1, 0, 0, 1, 1, 1], 3)
    expect(correctedBias(kernels, product('Gemm', [3, 2], 0), bias, values, decoded, mean)).toEqual(
      Float32Array.of(8, 21, 29),
    )
    // [2, 3]: inputs first.
    const turned = codesOf([1, 0, 1, 0, 1, 1], 3)
    expect(correctedBias(kernels, product('MatMul', [2, 3], 1), bias, values, turned, mean)).toEqual(
      Float32Array.of(8, 21, 29),
    )
  })
  it('sums over kernels and keeps groups apart', () => {
    const bias = Float32Array.of(0, 0)
    const values = new Float32Array(4)
    const decoded = codesOf([1, 2, 3, 4], 2)
    const depthwise = correctedBias(
      kernels,
      product('Conv', [2, 1, 2], 0),
      bias,
      values,
      decoded,
      Float64Array.of(1, 10),
    )
    expect(depthwise).toEqual(Float32Array.of(-3, -70))
    const full = correctedBias(kernels, product('Conv', [2, 2, 1], 0), bias, values, decoded, Float64Array.of(1, 10))
    expect(full).toEqual(Float32Array.of(-21, -43))
  })
  it('takes large weights in parts', () => {
    // Two groups of 300 outputs, 200 inputs of 3 positions each; decoded 2, given 1: every output moves by 3 times the sum of its means.
    for (const groups of [1, 2, 150]) {
      const [outputs, inputs] = [300, 200]
      const values = new Float32Array(outputs * inputs * 3).fill(1)
      const made = codesOf(new Array(values.length).fill(2), outputs)
      const mean = Float64Array.from({ length: groups * inputs }, (_, at) => 1 + Math.floor(at / inputs))
      const bias = new Float32Array(outputs)
      const found = correctedBias(kernels, product('Conv', [outputs, inputs, 3], 0), bias, values, made, mean)
      const wanted = bias.map((_, output) => -600 * (1 + Math.floor((output * groups) / outputs)))
      expect(found).toEqual(wanted)
    }
  })
  it('does nothing where it cannot tell channels', () => {
    const none = correctedBias(
      kernels,
      product('Conv', [2, 2, 1], 0),
      Float32Array.of(0, 0),
      new Float32Array(4),
      codesOf([0, 0, 0, 0], 2),
      Float64Array.of(1, 2, 3),
    )
    expect(none).toBeNull()
  })
})
