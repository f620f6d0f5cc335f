import fc from 'fast-check'
import { expect, it } from 'vitest'
import { gramDescent, gramOf } from './gram-descent.ts'

const productError = (values: Float32Array, decoded: Float32Array, gram: Float64Array, width: number): number => {
  let total = 0
  for (let at = 0; at < values.length; at += width) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) {
        total += gram[i * width + j]! * (values[at + i]! - decoded[at + i]!) * (values[at + j]! - decoded[at + j]!)
      }
    }
  }
  return total
}

it('never makes the error of products worse, and mostly better', () => {
  let before = 0
  let after = 0
  fc.assert(
    fc.property(fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 24, maxLength: 24 }), (list) => {
      const values = Float32Array.from(list)
      const width = 6
      const codes = Uint16Array.from(values, (x) => Math.max(0, Math.min(15, Math.floor(x / 0.25 + 0.5) + 8)))
      const decoded = Float32Array.from(codes, (code) => (code - 8) * 0.25)
      // Neighbours go together: a common part in every row.
      const gram = gramOf(
        values.map((x, i) => x + 3 * ((i * 7) % 5)),
        width,
      )
      const first = productError(values, decoded, gram, width)
      gramDescent(values, decoded, codes, () => 0.25, 15, gram, width, 3)
      const last = productError(values, decoded, gram, width)
      expect(last).toBeLessThanOrEqual(first * (1 + 1e-9) + 1e-12)
      for (const [i, code] of codes.entries()) {
        expect(code).toBeLessThanOrEqual(15)
        expect(decoded[i]).toBe((code - 8) * 0.25)
      }
      before += first
      after += last
    }),
  )
  expect(after).toBeLessThan(before * 0.8)
})

it('sums second moments', () => {
  const gram = gramOf(Float32Array.of(1, 2, 3, 4), 2)
  expect(gram[1]).toBe(14)
  expect(gram[2]).toBe(14)
  expect(gram[0]).toBeCloseTo(10 + 0.0015, 10)
})
