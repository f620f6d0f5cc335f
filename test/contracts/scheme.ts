import { describe, expect, test } from 'vitest'
import type { Kernels } from '../../src/model/kernels.ts'
import type { IntegerSpec } from '../../src/model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../src/model/scheme.ts'
import { halfOf } from '../../src/numbers/int.ts'
import { roundHalfEven } from '../../src/numbers/rounding.ts'
import { arbitraryTensor } from './packing.ts'
import { decodeByDefinition, gridIndexOf, type Solve } from './solver.ts'
import { type WeightKind, weightKinds } from './weights.ts'

/** The scheme under test, and a solver to make codes with. */
export interface SchemeUnderTest {
  readonly spec: IntegerSpec
  decode(tensor: QuantizedTensor, kernels: Kernels): Float32Array
  errorBound(spec: IntegerSpec, scale: number, zero: number, low: number, high: number): number
}

const views: readonly MatrixView[] = [
  { stack: 1, channels: 5, depth: 75, along: 'row' },
  { stack: 1, channels: 21, depth: 40, along: 'column' },
  { stack: 2, channels: 3, depth: 33, along: 'row' },
  { stack: 3, channels: 2, depth: 17, along: 'column' },
]

/** What every integer scheme promises. */
export function schemeContract(label: string, scheme: SchemeUnderTest, solve: Solve, kernels: Kernels): void {
  const { spec } = scheme
  const half = halfOf(spec.bits)

  describe(`scheme ${label} on ${kernels.id} kernels`, () => {
    test('decodes by its formula, whatever the codes', () => {
      for (const view of views) {
        const tensor = arbitraryTensor(spec, view, 11)
        expect(scheme.decode(tensor, kernels)).toEqual(decodeByDefinition(tensor))
      }
    })

    test('every weight is within the error bound of its grid', () => {
      for (const view of views) {
        for (const kind of Object.keys(weightKinds) as WeightKind[]) {
          const values = weightKinds[kind](1, view.stack * view.channels * view.depth)
          const { quantized } = solve(values, view, spec, 'nearest', kernels)
          const decoded = scheme.decode(quantized, kernels)
          for (let index = 0; index < values.length; index++) {
            const grid = gridIndexOf(index, quantized)
            const scale = quantized.scales[grid]!
            const zero = quantized.zeros?.[grid] ?? half
            const x = values[index]!
            const bound = scheme.errorBound(spec, scale, zero, x, x)
            // f32 rounding of the product and of the level: a few ulps of the largest level.
            const slack = Math.abs(scale) * 2 ** (spec.bits - 22) + 2 ** -126
            if (!(Math.abs(decoded[index]! - x) <= bound + slack)) {
              expect.fail(`${kind}: ${x} became ${decoded[index]}, bound ${bound}`)
            }
          }
        }
      }
    })

    test('a level encodes to its own code on its grid', () => {
      for (const view of views) {
        const tensor = arbitraryTensor(spec, view, 12)
        const decoded = scheme.decode(tensor, kernels)
        const again = Uint8Array.from(decoded, (value, index) => {
          const grid = gridIndexOf(index, tensor)
          return roundHalfEven(value / tensor.scales[grid]!) + (tensor.zeros?.[grid] ?? half)
        })
        expect(again).toEqual(tensor.codes)
      }
    })

    // Plain asymmetric grids may lose a step at one end when the scale or the zero is rounded, so that a second fit starts
    // from a shorter range. Symmetric ones hang on the largest weight alone.
    if (spec.symmetric) {
      test('encoding a decoded tensor changes nothing', () => {
        for (const view of views) {
          for (const kind of ['gaussian', 'heavyTailed', 'outliers', 'mostlyZero', 'zero'] as const) {
            const values = weightKinds[kind](2, view.stack * view.channels * view.depth)
            const first = solve(values, view, spec, 'nearest', kernels).quantized
            const second = solve(scheme.decode(first, kernels), view, spec, 'nearest', kernels).quantized
            expect(second.codes, kind).toEqual(first.codes)
          }
        }
      })
    }

    test('arrays that do not fit the view are refused', () => {
      const tensor = arbitraryTensor(spec, views[0]!)
      expect(() => scheme.decode({ ...tensor, codes: tensor.codes.subarray(1) }, kernels)).toThrow(/expected/)
      expect(() => scheme.decode({ ...tensor, scales: new Float32Array(0) }, kernels)).toThrow(/expected/)
    })
  })
}
