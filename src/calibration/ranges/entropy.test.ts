import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distributionOf, gaussian, laplacian } from '../../../test/fixtures/distribution.ts'
import type { Distribution } from './distribution.ts'
import { entropyRange } from './entropy.ts'

test('the reach with the least divergence, written out sliver by sliver', () => {
  const lists = fc.array(fc.nat(30), { minLength: 8, maxLength: 16 })
  fc.assert(
    fc.property(lists, (list) => {
      const positive = list.map((count) => count + 1)
      const distribution = oneSided(positive)
      const { max } = entropyRange(distribution, { levels: 4 })
      expect(max).toBeCloseTo(Math.min(bestReach(positive, 4), distribution.max), 9)
    }),
    { seed: 4, numRuns: 200 },
  )
})

/** Bin i holds values of [i, i + 1). */
function oneSided(list: readonly number[]): Distribution {
  const counts = new Float64Array(64)
  counts.set(list, 32)
  return { min: 0, max: list.length - 0.25, exponent: 0, counts }
}

/** Reach of the least divergence by the book: every bin cut into `levels` slivers; what is outside is added to the last bin. */
function bestReach(list: readonly number[], levels: number): number {
  const total = list.reduce((sum, count) => sum + count, 0)
  let best = { reach: list.length, divergence: Number.POSITIVE_INFINITY }
  for (let reach = levels; reach <= list.length; reach++) {
    const inside = list.slice(0, reach)
    const held = inside.reduce((sum, count) => sum + count, 0)
    let sum = 0
    let lastDensity = 0
    const slivers = inside.flatMap((count) => Array.from({ length: levels }, () => count / levels))
    const density: number[] = []
    for (let level = 0; level < levels; level++) {
      const group = slivers.slice(level * reach, (level + 1) * reach)
      const mean = group.reduce((s, one) => s + one, 0) / group.filter((one) => one > 0).length
      density.push(...group.map(() => mean))
      lastDensity = mean * levels
    }
    slivers.forEach((count, i) => {
      if (count > 0) sum += (count / total) * Math.log2(count / total / (density[i]! / held))
    })
    const outside = total - held
    const last = inside[reach - 1]!
    if (outside > 0) {
      const q = lastDensity / held
      sum += ((last + outside) / total) * Math.log2((last + outside) / total / q)
      sum -= (last / total) * Math.log2(last / total / q)
    }
    if (sum <= best.divergence + 1e-12) best = { reach, divergence: sum }
  }
  return best.reach
}

test('a few far outliers are cut off, evenly spread values are not', () => {
  const even = Float32Array.from({ length: 20_000 }, (_, index) => index / 20_000)
  expect(entropyRange(distributionOf(even)).max).toBeGreaterThan(0.97)
  const outliers = Float32Array.from([...gaussian(50_000, 1).map((value) => Math.abs(value)), 100])
  const { min, max } = entropyRange(distributionOf(outliers))
  expect(min).toBeGreaterThanOrEqual(0)
  expect(max).toBeGreaterThan(2)
  expect(max).toBeLessThan(20)
})

test('few levels clip more; levels narrower than bins give the extremes', () => {
  const distribution = distributionOf(laplacian(200_000, 2).map((value) => Math.abs(value)))
  const [few, some, many] = [4, 16, 128].map((levels) => entropyRange(distribution, { levels }).max) as [
    number,
    number,
    number,
  ]
  expect(few).toBeLessThan(some)
  expect(some).toBeLessThan(many)
  expect(entropyRange(distribution, { levels: 65_536 }).max).toBe(distribution.max)
})

test('sides: symmetric mirrors, the short side of others stays whole', () => {
  const silu = gaussian(50_000, 6, 3).map((value) => value / (1 + Math.exp(-value)))
  const distribution = distributionOf(silu)
  const both = entropyRange(distribution, { symmetric: true })
  expect(both.min).toBe(-both.max)
  const open = entropyRange(distribution, { levels: 256 })
  expect(open.min).toBe(distribution.min)
  expect(open.max).toBeGreaterThan(1)
  const mirrored = entropyRange(distributionOf(silu.map((value) => -value)), { levels: 256 })
  expect(mirrored.max).toBe(-distribution.min)
  expect(mirrored.min).toBeLessThan(-1)
})

test('zeros do not pull, constants and nothing', () => {
  const values = gaussian(20_000, 8).map((value) => Math.max(value, 0))
  const few = entropyRange(distributionOf(values))
  const many = entropyRange(distributionOf(Float32Array.from([...values, ...new Float32Array(80_000)])))
  expect(many).toEqual(few)
  expect(entropyRange(distributionOf(Float32Array.of(0, 0)))).toEqual({ min: 0, max: 0 })
  expect(entropyRange(distributionOf(Float32Array.of(3, 3)))).toEqual({ min: 3, max: 3 })
  const empty = {
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    exponent: 0,
    counts: new Float64Array(8),
  }
  expect(() => entropyRange(empty)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
})
