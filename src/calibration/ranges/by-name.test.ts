import { describe, expect, test } from 'vitest'
import { gaussian, laplacian } from '../../../test/fixtures/distribution.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import { ValueCollector } from '../value-collector.ts'
import { CALIBRATORS, rangeBy } from './by-name.ts'
import { gridOfRange } from './grid.ts'

const kernels = createKernelsSync()

const collected = (...samples: readonly Float32Array[]) => {
  const collector = new ValueCollector(kernels)
  for (const values of samples) collector.add(values, [values.length])
  return collector.statistics()
}
const DATA = [
  ['gaussian', collected(gaussian(5000, 1), gaussian(5000, 2))],
  ['laplacian above 0', collected(laplacian(5000, 3).map((value) => Math.abs(value)))],
  ['zeros', collected(new Float32Array(10))],
  ['a constant', collected(Float32Array.of(2.5, 2.5))],
] as const

describe.each(CALIBRATORS)('%s', (calibrator) => {
  test.each(DATA)('%s: within what was seen, and a grid for every type', (_, value) => {
    for (const type of ['u8', 'i8', 'u16', 'i16'] as const) {
      for (const symmetric of [false, true]) {
        const range = rangeBy(calibrator, value, { type, symmetric })
        const absmax = Math.max(-value.min, value.max)
        expect(range.min).toBeGreaterThanOrEqual(-absmax * 1.01)
        expect(range.max).toBeLessThanOrEqual(absmax * 1.01)
        expect(gridOfRange(range, { type, symmetric }).scale).toBeGreaterThan(0)
      }
    }
  })

  test('nothing seen', () => {
    expect(() => rangeBy(calibrator, collected(), { type: 'u8', symmetric: false })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    )
  })
})
