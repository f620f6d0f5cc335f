import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LevelTable } from '../../model/array-scheme.ts'
import { prepareTable } from '../fitting/prepared-table.ts'
import { floatTable } from './float-table.ts'
import { IQ4NL } from './iq4nl.ts'
import { mxTable } from './mx.ts'
import { NF4 } from './normal-float.ts'
import { bestStoredScale, E4M3_SCALES, E8M0_SCALES } from './stored-scales.ts'

function errorOf(values: Float32Array, weights: Float32Array, { levels }: LevelTable, scale: number): number {
  return values.reduce((sum, x, i) => {
    const distance = Math.min(...Array.from(levels, (level) => Math.abs(x - scale * level)))
    return sum + weights[i]! * distance ** 2
  }, 0)
}

const cases: [string, LevelTable, Float32Array, boolean][] = [
  ['mxfp4', floatTable('e2m1'), E8M0_SCALES.subarray(100, 150), true],
  ['mxint8', mxTable('mxint8'), E8M0_SCALES.subarray(100, 150), true],
  ['nf4, powers of two', NF4, E8M0_SCALES.subarray(100, 150), false],
  ['nvfp4', floatTable('e2m1'), E4M3_SCALES, false],
  ['iq4nl, e4m3', IQ4NL, E4M3_SCALES.map((scale) => scale / 64), false],
]

test.each(cases)('%s: no scale is better, whatever the importance', (_, table, scales, nested) => {
  const prepared = prepareTable(table)
  const element = fc.tuple(fc.float({ min: -40, max: 40, noNaN: true }), fc.constantFrom(0, 0.001, 1, 1, 3, 1000))
  fc.assert(
    fc.property(fc.array(element, { minLength: 1, maxLength: 12 }), fc.constantFrom(1, -1), (pairs, sign) => {
      const values = Float32Array.from(pairs, ([x]) => x)
      const weights = Float32Array.from(pairs, ([, weight]) => weight)
      if (!weights.some((weight) => weight > 0)) weights.fill(1)
      const turned = values.map((x) => x * sign)
      const best = Math.min(...Array.from(scales, (scale) => errorOf(turned, weights, table, scale)))
      const { index, error, energy } = bestStoredScale(values, weights, prepared, scales, { nested }, sign as 1 | -1)
      if (index < 0) expect(energy).toBe(0)
      else {
        expect(error).toBeLessThanOrEqual(best * (1 + 1e-6) + energy * 1e-12)
        expect(errorOf(turned, weights, table, scales[index]!)).toBeCloseTo(error, 3)
      }
    }),
    { numRuns: 100 },
  )
})
