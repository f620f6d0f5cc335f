import { describe, expect, test } from 'vitest'
import { codes, differences, readGolden, values } from '../../../test/golden/read.ts'
import { dequantizeAffine, fakeQuantize, quantizeAffine } from './affine.ts'
import type { SharedAlong } from './shared-along.ts'

interface TorchCase {
  kind: string
  name: string
  low: number
  high: number
  scale: string
  zero: string | number
  shape?: number[]
  axis?: number
  x: string
  codes: string
  back: string
  fake: string
}

interface OnnxCase {
  name: string
  low?: number
  high?: number
  shape: number[]
  axis?: number
  block_size?: number
  scale: string
  zero: string
  x: string
  codes: string
  back: string
}

describe('PyTorch', () => {
  const { cases } = readGolden<TorchCase>('torch.json')
  const grids = cases.filter(({ kind }) => kind === 'per tensor' || kind === 'per channel')

  test.each(grids)('$kind $name', ({ low, high, scale, zero, shape, axis, x, codes: expected, back, fake }) => {
    const shared = shape && axis !== undefined ? { shape, axis } : undefined
    const zeros = typeof zero === 'string' ? codes(zero) : zero
    const options = { low, high, scaling: 'reciprocal', ...(shared && { shared }) } as const
    const found = quantizeAffine(values(x), values(scale), zeros, options)
    expect(differences(found, codes(expected))).toEqual([])
    expect(differences(dequantizeAffine(found, values(scale), zeros, shared), values(back))).toEqual([])
    expect(differences(fakeQuantize(values(x), values(scale), zeros, options), values(fake))).toEqual([])
  })

  test.each(cases.filter(({ kind }) => kind === 'fake'))(
    'fake_quantize to $name',
    ({ low, high, scale, zero, x, fake }) => {
      const found = fakeQuantize(values(x), values(scale), zero as number, { low, high })
      expect(differences(found, values(fake))).toEqual([])
    },
  )
})

describe('ONNX reference operators', () => {
  const { cases } = readGolden<OnnxCase>('onnx-linear.json')
  const integers = cases.filter(({ low, name }) => low !== undefined && !name.includes('beyond'))

  test.each(integers)('$name', ({ low, high, shape, axis, block_size, scale, zero, x, codes: expected, back }) => {
    const shared: SharedAlong | undefined =
      axis === undefined ? undefined : { shape, axis, ...(block_size && { block: block_size }) }
    const options = { low: low!, high: high!, ...(shared && { shared }) }
    const found = quantizeAffine(values(x), values(scale), codes(zero), options)
    expect(differences(found, codes(expected))).toEqual([])
    expect(differences(dequantizeAffine(found, values(scale), codes(zero), shared), values(back))).toEqual([])
  })

  test('beyond int32 the reference evaluator wraps; we saturate, as the operator is defined', () => {
    const { x, codes: expected } = cases.find(({ name }) => name === 'int8 beyond int32')!
    expect([...codes(expected)]).toEqual([-128, -128, -128, -128])
    expect([...quantizeAffine(values(x), 1, 0, { low: -128, high: 127 })]).toEqual([127, -128, 127, -128])
  })
})

test('dividing and multiplying by the reciprocal differ near ties, and only there', () => {
  const x = Float32Array.from({ length: 4000 }, (_, index) => (index + 0.5) * Math.fround(0.07))
  const options = { low: -32768, high: 32767 }
  const divided = quantizeAffine(x, 0.07, 0, options)
  const multiplied = quantizeAffine(x, 0.07, 0, { ...options, scaling: 'reciprocal' })
  const apart = [...x.keys()].filter((index) => divided[index] !== multiplied[index])
  expect(apart.length).toBeGreaterThan(0)
  for (const index of apart) expect(Math.abs(divided[index]! - multiplied[index]!)).toBe(1)
})

describe('refuses', () => {
  const one = Float32Array.of(1)
  const range = { low: -128, high: 127 }
  test('values that are not finite, by index', () => {
    expect(() => quantizeAffine(Float32Array.of(0, Number.NaN), 1, 0, range)).toThrow(/value 1 is NaN/)
    expect(() => quantizeAffine(Float32Array.of(Number.NEGATIVE_INFINITY), 1, 0, range)).toThrow(/value 0 is -Infinity/)
  })
  test.each([
    ['a scale of 0', () => quantizeAffine(one, 0, 0, range)],
    ['a negative scale', () => quantizeAffine(one, -1, 0, range)],
    ['a scale that is not finite', () => quantizeAffine(one, Number.POSITIVE_INFINITY, 0, range)],
    ['a fractional zero', () => quantizeAffine(one, 1, 0.5, range)],
    ['two scales without an axis', () => quantizeAffine(one, [1, 1], 0, range)],
    ['a count that does not fit', () => quantizeAffine(one, [1, 1], 0, { ...range, shared: { shape: [1], axis: 0 } })],
    ['a shape that does not fit', () => quantizeAffine(one, [1, 1], 0, { ...range, shared: { shape: [2], axis: 0 } })],
    ['an axis too far', () => quantizeAffine(one, 1, 0, { ...range, shared: { shape: [1], axis: 1 } })],
    ['a block that does not divide', () => dequantizeAffine([1, 2, 3], 1, 0, { shape: [3], axis: 0, block: 2 })],
  ])('%s', (_, act) => {
    expect(act).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })
})
