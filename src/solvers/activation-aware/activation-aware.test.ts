import { expect, test } from 'vitest'
import { createKernelsSync } from '../../kernels/index.ts'
import { uniform } from '../../numbers/rounding.ts'
import type { GramRows } from '../gram/rows.ts'
import { chooseFactors, chooseFactorsSteps } from './choose-factors.ts'
import { channelFactors } from './factors.ts'

const DEPTH = 32
const ROWS = 48
const COUNT = 256
const kernels = createKernelsSync()
const spec = {
  family: 'integer',
  bits: 4,
  granularity: { kind: 'block', size: 32 },
  symmetric: true,
  scale: 'f32',
} as const

/** A few channels of the input are much larger than the rest. */
const inputs = Float64Array.from({ length: COUNT * DEPTH }, (_, i) => {
  const channel = i % DEPTH
  return (channel % 11 === 3 ? 12 : 1) * (uniform(1, i) + uniform(2, i) - 1)
})
const means = new Float64Array(DEPTH)
const gram = new Float32Array(DEPTH * DEPTH)
for (let t = 0; t < COUNT; t++) {
  for (let i = 0; i < DEPTH; i++) {
    const x = inputs[t * DEPTH + i] as number
    means[i] = (means[i] as number) + Math.abs(x) / COUNT
    for (let j = 0; j < DEPTH; j++)
      gram[i * DEPTH + j] = (gram[i * DEPTH + j] as number) + (x * (inputs[t * DEPTH + j] as number)) / COUNT
  }
}
const values = Float32Array.from({ length: ROWS * DEPTH }, (_, i) => uniform(4, i) + uniform(5, i) - 1)
const rows: GramRows = { values, channels: ROWS, depth: DEPTH, spec }

/** Mean squared error of products with weights rounded as the published code rounds them, absolute maximum to the last code. */
function plainError(factors: Float64Array): number {
  let error = 0
  const rounded = new Float64Array(values.length)
  for (let n = 0; n < ROWS; n++) {
    const row = Array.from({ length: DEPTH }, (_, k) => (values[n * DEPTH + k] as number) * (factors[k] as number))
    let extreme = 0
    for (const one of row) if (Math.abs(one) > Math.abs(extreme)) extreme = one
    const scale = extreme / -8
    for (const [k, one] of row.entries())
      rounded[n * DEPTH + k] = (scale * Math.max(-8, Math.min(7, Math.round(one / scale)))) / (factors[k] as number)
  }
  for (let t = 0; t < COUNT; t++) {
    for (let n = 0; n < ROWS; n++) {
      let sum = 0
      for (let k = 0; k < DEPTH; k++)
        sum +=
          ((values[n * DEPTH + k] as number) - (rounded[n * DEPTH + k] as number)) * (inputs[t * DEPTH + k] as number)
      error += (sum * sum) / COUNT
    }
  }
  return error
}

test('factors are those of the published code', () => {
  for (const alpha of [0, 0.25, 0.5, 0.95]) {
    const raw = [...means].map((mean) => Math.max(1e-4, mean ** alpha))
    const middle = Math.sqrt(Math.max(...raw) * Math.min(...raw))
    const factors = channelFactors(means, alpha) as Float64Array
    for (const [i, one] of raw.entries()) expect(factors[i]).toBeCloseTo(one / middle, 6)
  }
})

test('the exponent is the one of least error over the outputs, found from second moments', () => {
  const best = chooseFactors({ layers: [rows], gram, means, solver: 'nearest' }, kernels)
  const errors = Array.from({ length: 20 }, (_, i) => plainError(channelFactors(means, i / 20) as Float64Array))
  const least = Math.min(...errors)
  expect(best?.alpha).toBe(errors.indexOf(least) / 20)
  expect(best?.remains).toBeCloseTo(least / (errors[0] as number), 3)
  expect(best?.remains).toBeLessThan(0.8)
})

test.each(['search', 'gptq'] as const)('%s: less error with factors', (solver) => {
  const best = chooseFactors(
    { layers: [rows, { ...rows, channels: 4, values: values.subarray(0, 4 * DEPTH) }], gram, means, solver },
    kernels,
  )
  expect(best?.remains).toBeLessThan(0.95)
})

test('where all channels are alike nothing is changed', () => {
  expect(
    chooseFactors({ layers: [rows], gram, means: new Float64Array(DEPTH).fill(2), solver: 'search' }, kernels),
  ).toBeNull()
})

test.each(['search', 'gptq'] as const)('%s: in steps, some for each exponent, the same', (solver) => {
  const ask = { layers: [rows], gram, means, solver }
  const steps = chooseFactorsSteps(ask, kernels)
  let count = 0
  let step = steps.next()
  for (; !step.done; step = steps.next()) count++
  expect(count).toBeGreaterThanOrEqual(20)
  expect(step.value).toEqual(chooseFactors(ask, kernels))
})
