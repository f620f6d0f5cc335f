import { describe, expect, it } from 'vitest'
import { recall } from './recall.ts'

/** Points on a circle: neighbours are known. */
const circle = (count: number) =>
  Float32Array.from({ length: 2 * count }, (_, i) =>
    i % 2 === 0
      ? Math.cos((Math.floor(i / 2) ** 1.01 * 6.28) / count)
      : Math.sin((Math.floor(i / 2) ** 1.01 * 6.28) / count),
  )

describe('recall', () => {
  it('is 1 for the rows themselves, at any length', async () => {
    const values = circle(50)
    const longer = values.map((x, i) => x * (1 + Math.floor(i / 2)))
    const figures = await recall(values, longer, 2, { every: 5 })
    expect(figures).toEqual({ queries: 10, rows: 40, every: 5, at1: 1, at10: 1, at100: 1 })
  })
  it('counts what is missed', async () => {
    const values = circle(500)
    const shuffled = values.slice()
    // Half of the rows point the other way: they are never found, and half of the nearest are among them.
    for (let row = 0; row < 500; row++) {
      if (row % 2 === 1) for (const i of [0, 1]) shuffled[2 * row + i] = -values[2 * row + i]!
    }
    const { at10 } = await recall(values, shuffled, 2, { every: 4 })
    expect(at10).toBeGreaterThan(0.2)
    expect(at10).toBeLessThan(0.8)
  })
  it('looks again at the candidates with the finer rows', async () => {
    const values = circle(400)
    const coarse = values.map((x) => Math.sign(x))
    const plain = await recall(values, coarse, 2, { every: 5 })
    const again = await recall(values, coarse, 2, {
      every: 5,
      rescored: { scheme: 'f32', rows: values, candidates: 4 },
    })
    expect(plain.at1).toBeLessThan(0.2)
    expect(again.at100).toBeGreaterThan(plain.at100)
    expect(again.rescored).toEqual({ scheme: 'f32', candidates: 4 })
  })
  it('needs neither queries nor rows', async () => {
    expect((await recall(new Float32Array(2), new Float32Array(2), 2, { every: 5 })).rows).toBe(0)
  })
})
