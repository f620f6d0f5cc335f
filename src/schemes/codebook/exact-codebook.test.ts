import { describe, expect, it } from 'vitest'
import { BLOCK_KINDS, gaussian, randomBlock, uniformSource } from '../../../test/contracts/random-blocks.ts'
import { exactCodebook } from './exact-codebook.ts'

/** Least error of `count` levels by dynamic programming over all runs: count x n^2. */
function leastError(values: ArrayLike<number>, weights: ArrayLike<number> | undefined, count: number): number {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!)
  const n = order.length
  let errors = new Float64Array(n + 1).fill(Infinity)
  errors[0] = 0
  for (let level = 0; level < count; level++) {
    const next = errors.slice()
    for (let from = 0; from < n; from++) {
      // Running mean and error of the run from .. until, without sums of squares.
      let [weight, mean, error] = [0, 0, 0]
      for (let until = from; until < n; until++) {
        const w = weights?.[order[until]!] ?? 1
        const x = values[order[until]!]!
        if (w > 0) {
          weight += w
          const away = x - mean
          mean += (away * w) / weight
          error += w * away * (x - mean)
        }
        next[until + 1] = Math.min(next[until + 1]!, errors[from]! + error)
      }
    }
    errors = next
  }
  return errors[n]!
}

function errorOf(values: Float32Array, weights: Float32Array | undefined, levels: Float32Array): number {
  let sum = 0
  values.forEach((x, i) => {
    sum += (weights?.[i] ?? 1) * Math.min(...Array.from(levels, (level) => (x - level) ** 2))
  })
  return sum
}

describe('exactCodebook', () => {
  it.each([...BLOCK_KINDS, 'repeated'] as const)('is the optimum: %s values', (kind) => {
    const next = uniformSource(kind.length)
    for (let trial = 0; trial < 40; trial++) {
      const length = 1 + Math.floor(next() * 90)
      const count = 1 + Math.floor(next() * 17)
      const values =
        kind === 'repeated'
          ? Float32Array.from({ length }, () => Math.floor(next() * 12) / 4)
          : randomBlock(kind, length, next)
      const weights = trial % 2 ? Float32Array.from(values, () => (next() < 0.1 ? 0 : next() ** 3)) : undefined
      const levels = exactCodebook(values, weights, count)
      expect(levels.length).toBe(count)
      expect([...levels]).toEqual([...levels].sort((a, b) => a - b))
      const scale = values.reduce((sum, x) => sum + x * x, 0)
      const excess = errorOf(values, weights, levels) - leastError(values, weights, count)
      expect(excess).toBeLessThanOrEqual(1e-11 * scale + 1e-12)
    }
  })

  it('is the optimum where groups of splits are dropped', () => {
    const next = uniformSource(3)
    const far = () => gaussian(next) * (next() < 0.01 ? 1e4 : 1)
    for (const draw of [() => gaussian(next), far, () => gaussian(next) * 0.01 + Math.floor(next() * 30) ** 2]) {
      const values = Float32Array.from({ length: 2500 }, draw)
      const least = leastError(values, undefined, 8)
      expect(errorOf(values, undefined, exactCodebook(values, undefined, 8)) / least).toBeLessThanOrEqual(1 + 1e-9)
    }
  })

  it('takes few different values as they are', () => {
    expect([...exactCodebook(Float32Array.of(3, -1, 3, -1, 0), undefined, 4)]).toEqual([-1, 0, 3, 3])
    expect([...exactCodebook(Float32Array.of(7), undefined, 2)]).toEqual([7, 7])
    expect([...exactCodebook(new Float32Array(0), undefined, 2)]).toEqual([0, 0])
    expect([...exactCodebook(Float32Array.of(1, 2), Float32Array.of(0, 0), 1)]).toEqual([1.5])
  })

  it('keeps the middle exact beside values far out', () => {
    const inner = [1, 1.001, 2, 2.001, 3, 3.001]
    const levels = exactCodebook(Float32Array.of(-3e38, ...inner, 1e37), undefined, 5)
    expect([...levels].map((x) => Math.fround(x))).toEqual([-3e38, 1.0005, 2.0005, 3.0005, 1e37].map(Math.fround))
  })
})
