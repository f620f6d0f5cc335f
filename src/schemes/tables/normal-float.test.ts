import { expect, test } from 'vitest'
import { NF2, NF3, NF4 } from './normal-float.ts'

/** Cumulative normal distribution, by its series around 0. */
function cumulative(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; n < 200; n++) {
    term *= (x * x) / (2 * n + 1)
    sum += term
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
}

function quantile(share: number): number {
  let low = -8
  let high = 8
  for (let turn = 0; turn < 100; turn++) {
    const middle = (low + high) / 2
    if (cumulative(middle) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function rule(bits: number): number[] {
  const count = 2 ** bits
  const top = 1 - (1 / (2 * count) + 1 / (2 * count - 2)) / 2
  const side = (steps: number) =>
    Array.from({ length: steps }, (_, step) => quantile(top + ((0.5 - top) * step) / steps))
  const all = [...side(count / 2), 0, ...side(count / 2 - 1).map((value) => -value)]
  const largest = Math.max(...all)
  return all.map((value) => Math.fround(value / largest)).sort((a, b) => a - b)
}

test('the outermost quantile of four bits is the constant of bitsandbytes', () => {
  expect(1 - (1 / 32 + 1 / 30) / 2).toBeCloseTo(0.9677083, 7)
})

test.each([
  ['nf2', NF2, 2],
  ['nf3', NF3, 3],
  ['nf4', NF4, 4],
] as const)('%s follows the rule', (_, table, bits) => {
  const expected = rule(bits)
  expect(table.levels).toHaveLength(expected.length)
  for (const [code, level] of table.levels.entries()) {
    expect(Math.abs(level - expected[code]!), `level ${code}: ${level}, by the rule ${expected[code]}`).toBeLessThan(
      2e-7,
    )
  }
})
