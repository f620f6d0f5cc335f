import { describe, expect, test } from 'vitest'
import { round, roundHalfAway, roundHalfEven, roundStochastic, uniform } from './rounding.ts'

const halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]

describe('rounding', () => {
  test('modes differ exactly where they should', () => {
    const rounded = (mode: Parameters<typeof round>[1]) => halves.map((value) => round(value, mode) + 0)
    expect(rounded('half-even')).toEqual([-2, -2, 0, 0, 2, 2])
    expect(rounded('half-away')).toEqual([-3, -2, -1, 1, 2, 3])
    expect(rounded('floor')).toEqual([-3, -2, -1, 0, 1, 2])
    expect(rounded('truncate')).toEqual([-2, -1, 0, 0, 1, 2])
  })

  test('numbers next to a half go to the nearer side', () => {
    const below = 0.5 - 2 ** -54
    expect(roundHalfEven(below)).toBe(0)
    expect(roundHalfAway(below)).toBe(0)
    expect(roundHalfEven(1.5 + 2 ** -52)).toBe(2)
    expect(roundHalfEven(2.5 + 2 ** -51)).toBe(3)
  })

  test('large values, infinities and NaN stay', () => {
    for (const value of [2 ** 52, -(2 ** 52) - 1, 2 ** 53, Infinity, -Infinity]) {
      expect(roundHalfEven(value)).toBe(value)
      expect(roundHalfAway(value)).toBe(value)
      expect(roundStochastic(value, 1, 2)).toBe(value)
    }
    expect(roundHalfEven(Number.NaN)).toBeNaN()
    expect(roundHalfAway(Number.NaN)).toBeNaN()
    expect(roundHalfEven(2 ** 51 + 0.5)).toBe(2 ** 51)
    expect(roundHalfAway(2 ** 51 + 0.5)).toBe(2 ** 51 + 1)
  })

  test('stochastic rounding is a neighbour, repeatable, and right on average', () => {
    let sum = 0
    for (let index = 0; index < 20000; index++) {
      const rounded = roundStochastic(-1.3, 7, index)
      expect(rounded === -1 || rounded === -2).toBe(true)
      expect(roundStochastic(-1.3, 7, index)).toBe(rounded)
      sum += rounded
    }
    expect(sum / 20000).toBeCloseTo(-1.3, 1.5)
    expect(roundStochastic(4, 7, 0)).toBe(4)
  })

  test('uniform depends on seed and index and covers the interval evenly', () => {
    const bins = new Array<number>(16).fill(0)
    for (let index = 0; index < 16000; index++) bins[Math.floor(uniform(3, index) * 16)]!++
    for (const count of bins) expect(Math.abs(count - 1000)).toBeLessThan(150)
    expect(uniform(3, 0)).not.toBe(uniform(4, 0))
  })
})
