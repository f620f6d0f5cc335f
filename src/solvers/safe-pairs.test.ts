import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createReferenceKernels } from '../kernels/index.ts'
import type { IntegerSpec } from '../model/packing.ts'
import type { MatrixView } from '../model/scheme.ts'
import { PairFold, solveSafePairs } from './safe-pairs.ts'
import { maySaturate } from './saturation.ts'
import { solveTensor } from './solve.ts'

const spec: IntegerSpec = {
  family: 'integer',
  bits: 8,
  granularity: { kind: 'channel' },
  symmetric: true,
  scale: 'f32',
}
const kernels = createReferenceKernels()

describe('solveSafePairs', () => {
  test('no pair of its codes saturates, whatever the weights', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -8, max: 8 }), { minLength: 24, maxLength: 24 }),
        fc.constantFrom('row', 'column'),
        fc.constantFrom('nearest', 'search'),
        (values, along, solver) => {
          const view: MatrixView = { stack: 1, channels: 3, depth: 8, along }
          const { quantized } = solveSafePairs(Float32Array.from(values), view, spec, solver, kernels)
          expect(maySaturate(quantized, kernels)).toBe(false)
        },
      ),
      { seed: 4, numRuns: 300 },
    )
  })

  test('leaves what is safe as it was', () => {
    const values = Float32Array.of(1, -1, 1, -1, 0.25, 0.5, 0.25, 0)
    const view: MatrixView = { stack: 1, channels: 2, depth: 4, along: 'row' }
    const plain = solveTensor(values, view, spec, 'nearest', kernels)
    const safe = solveSafePairs(values, view, spec, 'nearest', kernels)
    expect(safe.quantized.scales[0]).toBe(plain.quantized.scales[0])
    expect([...safe.quantized.codes.subarray(0, 4)]).toEqual([...plain.quantized.codes.subarray(0, 4)])
    expect(Math.abs(safe.quantized.scales[1]!)).toBeGreaterThan(Math.abs(plain.quantized.scales[1]!))
  })

  test('reports the error of the codes it gives', () => {
    const values = Float32Array.of(1, 1, 0.9, 0.1)
    const view: MatrixView = { stack: 1, channels: 1, depth: 4, along: 'column' }
    const { quantized, squaredError } = solveSafePairs(values, view, spec, 'search', kernels)
    let sum = 0
    quantized.codes.forEach((code, i) => {
      sum += (values[i]! - quantized.scales[0]! * (code - 128)) ** 2
    })
    expect(squaredError).toBeCloseTo(sum, 10)
  })
})

describe('PairFold', () => {
  test('folds the same over tiles as over the whole', () => {
    const values = Float32Array.of(1, -2, 3, -4, -5, -6, 7, 8)
    const whole = new PairFold(2)
    whole.add(values)
    const tiles = new PairFold(2)
    for (let row = 0; row < 4; row++) tiles.add(values.subarray(row * 2, row * 2 + 2))
    expect([...tiles.most]).toEqual([...whole.most])
    expect([...whole.most]).toEqual([4, 10])
  })
})
