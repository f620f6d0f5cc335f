import { expect, test } from 'vitest'
import { createKernelsSync } from '../kernels/index.ts'
import { GramSums } from './gram-sums.ts'

const kernels = createKernelsSync()
const DEPTH = 13

function rowsOf(count: number, by: number): Float32Array {
  return Float32Array.from({ length: count * DEPTH }, (_, i) => ((i * by) % 17) - 8)
}

test('sums of products of rows, and of what they should have been more, whatever came at once', () => {
  const count = 1100
  const [rows, floats] = [rowsOf(count, 5), rowsOf(count, 7)]
  const whole = new GramSums(DEPTH, true, kernels)
  whole.add(rows, floats, count)
  const parts = new GramSums(DEPTH, true, kernels)
  for (let first = 0; first < count; first += 11) {
    const size = Math.min(11, count - first)
    const cut = (all: Float32Array): Float32Array => all.subarray(first * DEPTH, (first + size) * DEPTH)
    parts.add(cut(rows), cut(floats), size)
  }
  expect(parts.facts()).toEqual(whole.facts())

  const { gram, drift, count: seen } = whole.facts()
  expect(seen).toBe(count)
  for (let i = 0; i < DEPTH; i++) {
    for (let j = 0; j < DEPTH; j++) {
      let [own, crossed] = [0, 0]
      for (let row = 0; row < count; row++) {
        const [x, y] = [rows[row * DEPTH + i] as number, rows[row * DEPTH + j] as number]
        own += x * y
        crossed += ((floats[row * DEPTH + i] as number) - x) * y
      }
      // Integers: every sum is exact.
      expect(gram[i * DEPTH + j]).toBe(own)
      expect(drift?.[i * DEPTH + j]).toBe(crossed)
    }
  }
})

test('nothing was seen: zeros', () => {
  const { gram, drift, count } = new GramSums(4, false, kernels).facts()
  expect([count, drift, gram.some((one) => one !== 0)]).toEqual([0, null, false])
})
