import { expect, test } from 'vitest'
import { ALPHAS, smoothBalance } from './balances.ts'

test('is what SmoothQuant says, of mean square one', () => {
  const [activations, weights] = [Float64Array.of(16, 1, 0.25, 4), Float64Array.of(1, 0.5, 0.125, 0.25)]
  for (const alpha of ALPHAS) {
    const wanted = activations.map((size, k) => size ** alpha / (weights[k] as number) ** (1 - alpha))
    const mean = Math.sqrt(wanted.reduce((sum, one) => sum + one * one, 0) / wanted.length)
    const found = smoothBalance(activations, weights, alpha)
    for (const [k, one] of wanted.entries()) expect(found?.[k]).toBeCloseTo(one / mean, 5)
  }
})

test('leaves alone what is never moved or never read, and cuts what is out of all proportion', () => {
  const found = smoothBalance(Float64Array.of(0, 1, 1, 1e9), Float64Array.of(1, 0, 1, 1), 0.5)
  expect(found?.[0]).toBe(1)
  expect(found?.[1]).toBe(1)
  expect(found?.[2]).toBe(1 / 64)
  expect(smoothBalance(Float64Array.of(0, 0), Float64Array.of(1, 1), 0.5)).toBeNull()
})
