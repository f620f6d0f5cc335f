import { expect, test } from 'vitest'
import { baseMatrix, baseOrder, largestOrder } from './hadamard.ts'
import { rotationOf } from './rotation.ts'

test.each([1, 4, 12, 20, 24, 28, 36, 44, 60, 76])('a base of order %i has orthogonal rows of signs', (order) => {
  const matrix = baseMatrix(order)
  expect(matrix.every((sign) => Math.abs(sign) === 1)).toBe(true)
  for (let i = 0; i < order; i++)
    for (let j = 0; j < order; j++) {
      let sum = 0
      for (let k = 0; k < order; k++) sum += (matrix[i * order + k] as number) * (matrix[j * order + k] as number)
      expect(sum).toBe(i === j ? order : 0)
    }
})

test('orders of models', () => {
  expect([64, 384, 768, 896, 960, 1152, 2560, 3584, 4096].map(largestOrder)).toEqual([
    64, 384, 768, 896, 960, 1152, 2560, 3584, 4096,
  ])
  expect([172, 11008, 7, 10].map(largestOrder)).toEqual([4, 256, 1, 2])
  expect([384, 768, 3584, 4096, 6].map(baseOrder)).toEqual([12, 12, 28, 1, null])
})

function matrixOf(size: number, keepsMean: boolean, seed = 3): Float64Array {
  const values = new Float64Array(size * size)
  for (let i = 0; i < size; i++) values[i * size + i] = 1
  // Element i of vector `lane` is at [i][lane]: the columns of the identity give the transposed matrix.
  rotationOf(size, { seed, keepsMean }).apply(values, 0, size)
  return values
}

test.each([
  [8, false],
  [8, true],
  [24, true],
  [40, false],
  [172, true],
])('size %i is orthogonal, keeps means: %s', (size, keepsMean) => {
  const matrix = matrixOf(size, keepsMean)
  let worst = 0
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0
      for (let k = 0; k < size; k++) sum += (matrix[i * size + k] as number) * (matrix[j * size + k] as number)
      worst = Math.max(worst, Math.abs(sum - (i === j ? 1 : 0)))
    }
  expect(worst).toBeLessThan(1e-12)
  const means = Array.from({ length: size }, (_, j) =>
    Array.from({ length: size }, (_, i) => matrix[i * size + j] as number).reduce((sum, one) => sum + one, 0),
  )
  if (keepsMean) for (const mean of means) expect(mean).toBeCloseTo(1, 10)
  else expect(Math.max(...means.map((mean) => Math.abs(mean - 1)))).toBeGreaterThan(0.1)
})

test('spreads one large channel over all, and depends on the seed', () => {
  const spike = Float64Array.from({ length: 64 }, (_, i) => (i === 5 ? 8 : 0))
  const other = spike.slice()
  rotationOf(64, { seed: 0, keepsMean: false }).apply(spike, 0, 1)
  rotationOf(64, { seed: 1, keepsMean: false }).apply(other, 0, 1)
  expect(spike.every((one) => Math.abs(one) === 1)).toBe(true)
  const apart = Float64Array.from({ length: 64 }, (_, i) => i)
  const again = apart.slice()
  rotationOf(64, { seed: 0, keepsMean: false }).apply(apart, 0, 1)
  rotationOf(64, { seed: 1, keepsMean: false }).apply(again, 0, 1)
  expect(apart).not.toEqual(again)
})

test('lanes are vectors of their own', () => {
  const rotation = rotationOf(12, { seed: 1, keepsMean: true })
  const lanes = Float64Array.from({ length: 36 }, (_, i) => Math.sqrt(i + 1))
  const alone = Float64Array.from({ length: 12 }, (_, i) => lanes[i * 3 + 1] as number)
  rotation.apply(lanes, 0, 3)
  rotation.apply(alone, 0, 1)
  expect(Float64Array.from({ length: 12 }, (_, i) => lanes[i * 3 + 1] as number)).toEqual(alone)
})
