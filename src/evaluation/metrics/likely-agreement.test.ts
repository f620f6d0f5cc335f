import { describe, expect, it } from 'vitest'
import { likelyAgreementMeter, MOST_ROWS } from './likely-agreement.ts'

/** Numbers that are spread normally, always the same ones. */
function normal(seed: number): () => number {
  let state = seed
  const uniform = () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
  return () => {
    let sum = 0
    for (let i = 0; i < 12; i++) sum += uniform()
    return sum - 6
  }
}

function rows(count: number, noise: number, seed: number): { float: Float32Array; other: Float32Array; same: number } {
  const next = normal(seed)
  const float = Float32Array.from({ length: count * 10 }, () => 3 * next())
  const other = float.map((value) => value + noise * next())
  let same = 0
  const best = (of: Float32Array, row: number) =>
    of.subarray(row * 10, row * 10 + 10).indexOf(Math.max(...of.subarray(row * 10, row * 10 + 10)))
  for (let row = 0; row < count; row++) if (best(float, row) === best(other, row)) same += 1
  return { float, other, same: same / count }
}

describe('likely agreement', () => {
  it.each([0.05, 0.15, 0.3])('comes near to what many rows count: noise %d', (noise) => {
    const counted = Array.from({ length: 40 }, (_, i) => rows(300, noise, 7 + i).same).reduce((a, b) => a + b) / 40
    const likely = Array.from({ length: 8 }, (_, i) => {
      const { float, other } = rows(60, noise, 3 + 1000 * i)
      const meter = likelyAgreementMeter()
      meter.add(float, other, 10, false)
      return meter.value() as number
    }).reduce((a, b) => a + b)
    expect(Math.abs(likely / 8 - counted)).toBeLessThan(0.15 * (1 - counted) + 0.001)
  })

  it('varies less from a few rows to a few others than counting does', () => {
    const spread = (values: readonly number[]) => {
      const mean = values.reduce((a, b) => a + b) / values.length
      return Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length)
    }
    const tries = Array.from({ length: 60 }, (_, i) => rows(25, 0.3, 11 + i))
    const likely = tries.map(({ float, other }) => {
      const meter = likelyAgreementMeter()
      meter.add(float, other, 10, false)
      return meter.value() as number
    })
    expect(spread(likely)).toBeLessThan(0.7 * spread(tries.map(({ same }) => same)))
  })

  it('lets one row with large errors speak for one row only', () => {
    const { float, other } = rows(30, 0.05, 5)
    const quiet = likelyAgreementMeter()
    quiet.add(float, other, 10, false)
    const loud = other.map((value, i) => (i < 10 ? value + 40 * (value - float[i]!) : value))
    const meter = likelyAgreementMeter()
    meter.add(float, loud, 10, false)
    expect(quiet.value()).toBeGreaterThan(0.97)
    expect(meter.value()).toBeLessThan(quiet.value() as number)
    expect(meter.value()).toBeGreaterThan((quiet.value() as number) - 1 / 30)
  })

  it('finds sizes of errors of two classes from rows together', () => {
    const { float, other } = rows(24, 0.3, 5)
    const pairs = likelyAgreementMeter()
    pairs.add(float, other, 2, false)
    const same = Array.from({ length: 120 }, (_, row) => {
      const [a, b, c, d] = [float[2 * row]!, float[2 * row + 1]!, other[2 * row]!, other[2 * row + 1]!]
      return Number(a >= b === c >= d)
    })
    const counted = same.reduce((a, b) => a + b) / same.length
    expect(Math.abs((pairs.value() as number) - counted)).toBeLessThan(0.03)
  })

  it('reads probabilities by their logarithms, which softmax does not change', () => {
    const { float, other } = rows(30, 0.3, 5)
    const softmax = (of: Float32Array) => {
      const to = new Float64Array(of.length)
      for (let row = 0; row < of.length; row += 10) {
        const powers = [...of.subarray(row, row + 10)].map((value) => Math.exp(value))
        const sum = powers.reduce((a, b) => a + b)
        for (const [i, power] of powers.entries()) to[row + i] = power / sum
      }
      return to
    }
    const [scores, shares] = [likelyAgreementMeter(), likelyAgreementMeter()]
    scores.add(float, other, 10, false)
    shares.add(softmax(float), softmax(other), 10, true)
    expect(shares.value()).toBeCloseTo(scores.value() as number, 6)
  })

  it('is 1 without errors, nothing without rows, with one class, with NaN, and with rows enough to count', () => {
    const meter = likelyAgreementMeter()
    expect(meter.value()).toBeUndefined()
    meter.add(new Float32Array([1, 2]), new Float32Array([1, 2]), 2, false)
    expect(meter.value()).toBe(1)
    const single = likelyAgreementMeter()
    single.add(new Float32Array([1, 2]), new Float32Array([1, 3]), 1, false)
    expect(single.value()).toBeUndefined()
    const broken = likelyAgreementMeter()
    broken.add(new Float32Array([1, 2]), new Float32Array([Number.NaN, 3]), 2, false)
    expect(broken.value()).toBeUndefined()
    const many = rows(MOST_ROWS + 1, 0.3, 9)
    const counted = likelyAgreementMeter()
    counted.add(many.float, many.other, 10, false)
    expect(counted.value()).toBeUndefined()
  })
})
