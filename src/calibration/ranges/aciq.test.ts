import { describe, expect, test } from 'vitest'
import { distributionOf, gaussian, laplacian } from '../../../test/fixtures/distribution.ts'
import { aciqRange } from './aciq.ts'

/** Expected squared error of a clip in a density on one side of 0: tail, and rounding at bits levels over both sides. */
function expected(density: (x: number) => number, clip: number, bits: number): number {
  let tail = 0
  const parts = 20_000
  const width = 60 / parts
  for (let part = 0; part < parts; part++) {
    const beyond = (part + 0.5) * width
    tail += 2 * beyond * beyond * density(clip + beyond) * width
  }
  return tail + (clip * clip) / (3 * 4 ** bits)
}

function bestClip(density: (x: number) => number, bits: number): number {
  let [low, high] = [0.1, 30]
  while (high - low > 1e-6) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3]
    if (expected(density, a, bits) < expected(density, b, bits)) high = b
    else low = a
  }
  return (low + high) / 2
}

/** A distribution of one bin per value, with the mean distance and deviation 1 that the table is in units of. */
const UNIT = distributionOf(Float32Array.of(-1, 1, ...[-64, 64]), 1 << 16)

describe('the closed forms are the minima of the expected error', () => {
  test.each([2, 3, 4, 5, 6])('%i bits', (bits) => {
    // Symmetric, so moments are about 0: of -64, -1, 1, 64.
    const distance = 65 / 2
    const deviation = Math.sqrt((64 * 64 + 1) / 2)
    const wide = { ...UNIT, max: 1e9 }
    const laplace = aciqRange(wide, { bits, distribution: 'laplace', symmetric: true }).max / distance
    const gauss = aciqRange(wide, { bits, distribution: 'gauss', symmetric: true }).max / deviation
    expect(laplace).toBeCloseTo(
      bestClip((x) => Math.exp(-x) / 2, bits),
      2,
    )
    expect(gauss).toBeCloseTo(
      bestClip((x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI), bits),
      2,
    )
  })
})

test('tells the distributions apart', () => {
  const g = distributionOf(gaussian(50_000, 1))
  const l = distributionOf(laplacian(50_000, 2))
  for (const bits of [3, 4]) {
    expect(aciqRange(g, { bits })).toEqual(aciqRange(g, { bits, distribution: 'gauss' }))
    expect(aciqRange(l, { bits })).toEqual(aciqRange(l, { bits, distribution: 'laplace' }))
  }
  expect(aciqRange(g, { bits: 4 }).max).toBeCloseTo(2.559, 1)
  expect(aciqRange(l, { bits: 4 }).max).toBeCloseTo(5.029, 0)
})

test('a ReLU keeps the clip of the whole, with one bit more; its zeros do not count', () => {
  const values = gaussian(50_000, 3)
  const whole = aciqRange(distributionOf(values), { bits: 5, distribution: 'gauss' })
  const half = aciqRange(distributionOf(values.map((value) => Math.max(value, 0))), { bits: 4, distribution: 'gauss' })
  expect(half.min).toBe(0)
  expect(half.max).toBeCloseTo(whole.max, 1)
})

test('never wider than what was seen, and constants stay', () => {
  expect(aciqRange(distributionOf(Float32Array.of(-1, 1)), { bits: 16 })).toEqual({ min: -1, max: 1 })
  expect(aciqRange(distributionOf(Float32Array.of(0, 0)))).toEqual({ min: 0, max: 0 })
  const { min, max } = aciqRange(distributionOf(Float32Array.of(5, 5)))
  expect([min, max]).toEqual([5, 5])
  expect(() => aciqRange(UNIT, { bits: 1 })).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
})
