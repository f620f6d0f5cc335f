import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { groupOf } from '../../../test/contracts/codec.ts'
import type { Effort } from '../../model/array-scheme.ts'
import { uniform } from '../../numbers/rounding.ts'
import { affineFit, fitAffineRun } from './affine-run.ts'
import { AFFINE_WIDTHS, narrowingsOf } from './affine-width.ts'
import { superblockCodec } from './superblock-codec.ts'
import { SUPERBLOCK_SHAPES } from './superblock-shape.ts'

interface Golden {
  readonly values: string
  readonly cases: readonly { readonly type: string; readonly decoded: string }[]
}
const golden: Golden = JSON.parse(readFileSync(new URL('../../../test/golden/gguf.json', import.meta.url), 'utf8'))
const floats = (text: string) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)

/** Roughly normal numbers: four uniform ones added. */
function weights(seed: number, count: number): Float32Array {
  const draw = (i: number) =>
    uniform(seed, 4 * i) + uniform(seed, 4 * i + 1) + uniform(seed, 4 * i + 2) + uniform(seed, 4 * i + 3)
  return Float32Array.from({ length: count }, (_, i) => draw(i) - 2)
}

function squaredError(found: Float32Array, values: Float32Array, importance?: Float32Array): number {
  return values.reduce((sum, x, i) => sum + (x - found[i]!) ** 2 * (importance?.[i] ?? 1), 0)
}

describe.each(SUPERBLOCK_SHAPES)('search of $id', (shape) => {
  const codec = superblockCodec(shape)
  const count = codec.parameters.reduce((sum, spec) => sum + spec.count, 0)

  function decodedBy(values: Float32Array, effort: Effort, importance?: Float32Array): Float32Array {
    const codes = new Uint16Array(values.length)
    const parameters = new Float32Array(count)
    const decoded = new Float32Array(values.length)
    codec.encode({ ...groupOf(values, effort), importance }, codes, parameters, new Float32Array(0))
    codec.decode(codes, parameters, new Float32Array(0), decoded)
    return decoded
  }

  test('less error than ggml at the same bytes', () => {
    const values = floats(golden.values)
    const theirs = floats(golden.cases.find(({ type }) => type === shape.id.replace(/k$/, '_K').toUpperCase())!.decoded)
    for (const start of [0, 256]) {
      const x = values.subarray(start, start + 256)
      const reference = squaredError(theirs.subarray(start, start + 256), x)
      expect(squaredError(decodedBy(x, 'fast'), x)).toBeLessThan(reference)
    }
  })

  test('more effort, less error', () => {
    for (const length of [256, 250, 40, 16, 3]) {
      const x = weights(length, length)
      const [closed, fast, exact] = (['closed', 'fast', 'exact'] as const).map((effort) =>
        squaredError(decodedBy(x, effort), x),
      )
      expect(fast!).toBeLessThanOrEqual(closed!)
      expect(exact!).toBeLessThanOrEqual(fast! * 1.01)
    }
  })

  test('importance moves the error to where it counts less', () => {
    const x = weights(3, 256)
    const importance = x.map((_, i) => (i % 2 === 0 ? 50 : 1))
    const plain = squaredError(decodedBy(x, 'fast'), x, importance)
    expect(squaredError(decodedBy(x, 'fast', importance), x, importance)).toBeLessThan(plain)
  })

  test('values of one sign only, far from zero', () => {
    for (const sign of [1, -1]) {
      const x = weights(4, 256).map((value) => sign * (10 + value / 100))
      const zeroes = squaredError(new Float32Array(256), x)
      // With minimums the offset is spent on the distance, and the codes on the rest.
      expect(squaredError(decodedBy(x, 'fast'), x) / zeroes).toBeLessThan(shape.minimums ? 1e-5 : 3e-4)
    }
  })

  test('importance of zero everywhere, and a run of zeros among weights', () => {
    const x = weights(5, 256)
    for (const value of decodedBy(x, 'fast', new Float32Array(256))) expect(Number.isFinite(value)).toBe(true)
    x.fill(0, 32, 64)
    expect(
      decodedBy(x, 'fast')
        .subarray(32, 64)
        .every((value) => value === 0),
    ).toBe(true)
  })
})

/** The least error of 4 codes over 16 values: codes rise with the values, so every way to cut the sorted values. */
function leastError(x: Float64Array): number {
  const sorted = x.slice().sort()
  const sums = [0]
  for (const value of sorted) sums.push(sums.at(-1)! + value)
  const n = sorted.length
  const sumX = sums[n]!
  const sumXX = sorted.reduce((sum, value) => sum + value * value, 0)
  let least = Number.POSITIVE_INFINITY
  for (let a = 0; a <= n; a++) {
    for (let b = a; b <= n; b++) {
      for (let c = b; c <= n; c++) {
        const q = 3 * n - a - b - c
        const qq = b - a + 4 * (c - b) + 9 * (n - c)
        const xq = 3 * sumX - sums[a]! - sums[b]! - sums[c]!
        const determinant = n * qq - q * q
        if (determinant <= 0) continue
        let s = (n * xq - sumX * q) / determinant
        let m = (q * xq - qq * sumX) / determinant
        if (m < 0) [s, m] = [xq / qq, 0]
        if (s <= 0) continue
        least = Math.min(least, sumXX - 2 * s * xq + 2 * m * sumX + s * s * qq - 2 * s * m * q + m * m * n)
      }
    }
  }
  return least
}

test.each([
  ['fast', 1.005],
  ['exact', 1.001],
] as const)('runs of 16 values with 4 codes, %s: within %d of the optimum in all', (effort, most) => {
  const narrowings = narrowingsOf(AFFINE_WIDTHS[effort], 3)
  const one = new Float64Array(16).fill(1)
  const fit = affineFit()
  let found = 0
  let optimum = 0
  for (let seed = 0; seed < 300; seed++) {
    const x = Float64Array.from(weights(1000 + seed, 16))
    fitAffineRun(x, one, 0, 16, { maxCode: 3, sign: 1, narrowings }, fit)
    const least = leastError(x)
    expect(fit.error).toBeGreaterThan(least * (1 - 1e-9))
    found += fit.error
    optimum += least
  }
  expect(found / optimum).toBeLessThan(most)
})
