import { expect, test } from 'vitest'
import { uniform } from '../../numbers/rounding.ts'
import { decodeRows } from '../gram/rows.ts'
import { halfQuadraticZero } from './half-quadratic.ts'
import { power } from './power.ts'
import { solveHalfQuadratic } from './solve-rows.ts'

const ROWS = 24
const BLOCK = 32

/** Weights with a few outliers, which is what the norm is for. */
const values = Float32Array.from({ length: ROWS * BLOCK }, (_, i) => {
  const bell = uniform(1, i) + uniform(2, i) + uniform(3, i) - 1.5
  return (i % 29 === 0 ? 6 : 1) * 0.05 * bell + 0.01
})

/** The published loop, written down plainly, with the machine's own power. */
function reference(block: readonly number[], mostCode: number): { scale: number; zero: number; error: number } {
  const [low, high] = [Math.min(...block), Math.max(...block)]
  const inverse = mostCode / (high - low)
  let [zero, beta, least] = [-low * inverse, 10, Number.POSITIVE_INFINITY]
  let kept = zero
  for (let round = 0; round < 20; round++) {
    const codes = block.map((w) => Math.min(mostCode, Math.max(0, halfEven(w * inverse + zero))))
    const rest = block.map((w, i) => w - ((codes[i] as number) - zero) / inverse)
    const error = rest.reduce((sum, r) => sum + Math.abs(r), 0) / block.length
    if (!(error < least)) break
    least = error
    kept = zero
    const outliers = rest.map((r) => Math.sign(r) * Math.max(0, Math.abs(r) - Math.abs(r) ** (0.7 - 1) / beta))
    const zeros = block.map((w, i) => (codes[i] as number) - (w - (outliers[i] as number)) * inverse)
    zero = zeros.reduce((sum, z) => sum + z, 0) / block.length
    beta *= 1.01
  }
  return { scale: 1 / inverse, zero: kept, error: least }
}

function halfEven(x: number): number {
  const down = Math.floor(x)
  if (x - down !== 0.5) return Math.round(x)
  return down % 2 === 0 ? down : down + 1
}

test('the zero is the one of the published loop', () => {
  let [moved, same] = [0, 0]
  for (const mostCode of [3, 15]) {
    for (let row = 0; row < ROWS; row++) {
      const block = values.subarray(row * BLOCK, (row + 1) * BLOCK)
      const expected = reference([...block], mostCode)
      const found = halfQuadraticZero(block, mostCode)
      expect(found.scale).toBeCloseTo(expected.scale, 12)
      // Where the loop has nearly settled, the last digit of the error says when it ends.
      if (Math.abs(found.zero - expected.zero) < 1e-4) same++
      expect(Math.abs(found.zero - expected.zero)).toBeLessThan(0.1)
      const start = -Math.min(...block) / found.scale
      if (Math.abs(found.zero - start) > 1e-6) moved++
    }
  }
  expect(moved).toBeGreaterThan(ROWS)
  expect(same).toBeGreaterThan(1.8 * ROWS)
})

const norm = (a: Float32Array, b: Float32Array): number =>
  a.reduce((s, x, i) => s + Math.abs(x - (b[i] as number)) ** 0.7, 0)

for (const symmetric of [false, true]) {
  for (const bits of [2, 4] as const) {
    test(`codes on whole zeros: less |error|^0.7 than the plain grid, ${bits} bits, ${symmetric ? 'symmetric' : 'asymmetric'}`, () => {
      const granularity = { kind: 'block', size: BLOCK } as const
      const spec = { family: 'integer', bits, granularity, symmetric, scale: 'f16' } as const
      const rows = { values, channels: ROWS, depth: BLOCK, spec }
      const found = solveHalfQuadratic(rows)
      expect(found.zeros.every((zero) => zero < 2 ** bits)).toBe(true)
      const plain = {
        ...found,
        scales: new Float32Array(ROWS),
        zeros: new Uint8Array(ROWS),
        codes: new Uint8Array(values.length),
      }
      for (let row = 0; row < ROWS; row++) {
        const block = values.subarray(row * BLOCK, (row + 1) * BLOCK)
        const [low, high] = [Math.min(0, ...block), Math.max(0, ...block)]
        const most = 2 ** bits - 1
        const scale = symmetric ? Math.max(high, -low) / 2 ** (bits - 1) : (high - low) / most
        const zero = symmetric ? 2 ** (bits - 1) : Math.round(-low / scale)
        plain.scales[row] = scale
        plain.zeros[row] = zero
        for (const [i, value] of block.entries())
          plain.codes[row * BLOCK + i] = Math.min(most, Math.max(0, Math.round(value / scale) + zero))
      }
      expect(norm(values, decodeRows(rows, found))).toBeLessThan(
        (bits === 2 ? 0.9 : 0.995) * norm(values, decodeRows(rows, plain)),
      )
    })
  }
}

test('blocks of one value, of zeros and on one side of zero', () => {
  const granularity = { kind: 'block', size: 4 } as const
  const spec = { family: 'integer', bits: 4, granularity, symmetric: false, scale: 'f32' } as const
  const made = Float32Array.of(0, 0, 0, 0, 2, 2, 2, 2, 3, 4, 5, 6, -9, -8, -7, -9)
  const rows = { values: made, channels: 4, depth: 4, spec }
  const decoded = decodeRows(rows, solveHalfQuadratic(rows))
  for (const [i, value] of made.entries()) expect(Math.abs((decoded[i] as number) - value)).toBeLessThan(0.45)
})

test('powers are those of the machine, nearly', () => {
  for (const x of [2 ** -126, 1e-20, 0.003, 0.999, 1, 1.5, 1.999999, 77, 3e38])
    expect(power(x) / x ** 0.3).toBeCloseTo(1, 6)
})
