import { describe, expect, it } from 'vitest'
import { randomStream } from './random.ts'

const take = (seed: number, name: string, count: number) => {
  const random = randomStream(seed, name)
  return Array.from({ length: count }, () => random.word())
}

describe('random stream', () => {
  it('is fixed for all time', () => {
    expect(take(0, 'x', 3)).toMatchInlineSnapshot(`
      [
        3472824900,
        1010900223,
        1289191259,
      ]
    `)
  })

  it('differs by seed and by name', () => {
    const streams = [take(0, 'x', 4), take(1, 'x', 4), take(0, 'y', 4), take(2 ** 32, 'x', 4), take(0, '', 4)]
    expect(new Set(streams.map(String)).size).toBe(streams.length)
  })

  it('is spread evenly, and the bell has mean 0 and deviation 1', () => {
    const random = randomStream(7, 'spread')
    const count = 40_000
    const tenths = new Array<number>(10).fill(0)
    let sum = 0
    let square = 0
    for (let i = 0; i < count; i += 1) {
      tenths[Math.floor(random.uniform() * 10)]! += 1
      const value = random.gaussian()
      sum += value
      square += value * value
    }
    for (const share of tenths) expect(Math.abs(share / count - 0.1)).toBeLessThan(0.01)
    expect(Math.abs(sum / count)).toBeLessThan(0.02)
    expect(Math.abs(square / count - 1)).toBeLessThan(0.03)
  })

  it('reaches both ends of a range', () => {
    const random = randomStream(1, 'range')
    const seen = new Set(Array.from({ length: 200 }, () => random.between(-1, 2)))
    expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2])
  })
})
