import { describe, expect, test } from 'vitest'
import type { TersorError } from '../../src/errors.ts'
import type { Kernels } from '../../src/model/kernels.ts'
import type { IntegerSpec } from '../../src/model/packing.ts'
import type { MatrixView, QuantizedTensor, SolverId } from '../../src/model/scheme.ts'
import { gridShapeOf } from '../../src/numbers/grid-shape.ts'
import { halfOf } from '../../src/numbers/int.ts'
import { integerSpec } from './packing.ts'
import { extremeKinds, type WeightKind, weightKinds } from './weights.ts'

export type Solve = (
  values: Float32Array,
  view: MatrixView,
  spec: IntegerSpec,
  solver: SolverId,
  kernels: Kernels,
  label?: string,
) => { readonly quantized: QuantizedTensor; readonly squaredError: number; readonly energy: number }

const specs: readonly IntegerSpec[] = ([2, 4, 8] as const).flatMap((bits) =>
  (['tensor', 'channel', 16, 32] as const).flatMap((granularity) => {
    const scale = granularity === 16 ? 'f16' : 'f32'
    return [integerSpec(bits, granularity, true, scale), integerSpec(bits, granularity, false, scale)]
  }),
)

const views: readonly MatrixView[] = [
  { stack: 1, channels: 5, depth: 75, along: 'row' },
  { stack: 1, channels: 21, depth: 40, along: 'column' },
  { stack: 2, channels: 3, depth: 33, along: 'row' },
  { stack: 3, channels: 2, depth: 16, along: 'column' },
  { stack: 1, channels: 1, depth: 1, along: 'column' },
]

function countOf(view: MatrixView): number {
  return view.stack * view.channels * view.depth
}

/** Index of the grid of the element at `index` of the source, from the definition of a view. */
export function gridIndexOf(index: number, { spec, view }: QuantizedTensor): number {
  if (spec.granularity.kind === 'tensor') return 0
  const { channels, depth } = view
  const { blockSize, blocks } = gridShapeOf(spec.granularity, view)
  const matrix = Math.floor(index / (channels * depth))
  const inside = index % (channels * depth)
  const channel = view.along === 'row' ? Math.floor(inside / depth) : inside % channels
  const position = view.along === 'row' ? inside % depth : Math.floor(inside / channels)
  return (matrix * channels + channel) * blocks + Math.floor(position / blockSize)
}

/** Decoding by the definition, one element at a time. */
export function decodeByDefinition(tensor: QuantizedTensor): Float32Array {
  return Float32Array.from(tensor.codes, (code, index) => {
    const grid = gridIndexOf(index, tensor)
    const zero = tensor.zeros?.[grid] ?? halfOf(tensor.spec.bits)
    return tensor.scales[grid]! * (code - zero)
  })
}

function trueError(values: Float32Array, tensor: QuantizedTensor): number {
  const decoded = decodeByDefinition(tensor)
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += (values[index]! - decoded[index]!) ** 2
  return sum
}

/** What every solver promises, whatever its method. */
export function solverContract(solver: SolverId, solve: Solve, kernels: Kernels): void {
  describe(`solver ${solver} on ${kernels.id} kernels`, () => {
    const kinds = Object.keys(weightKinds) as WeightKind[]

    test.each(kinds)('%s: lengths, codes in range, true errors, never worse than nearest', (kind) => {
      for (const view of views) {
        const values = weightKinds[kind](3, countOf(view))
        const before = values.slice()
        const expectedEnergy = values.reduce((sum, value) => sum + value * value, 0)
        for (const spec of specs) {
          const { quantized, squaredError, energy } = solve(values, view, spec, solver, kernels)
          const label = `${JSON.stringify(spec)} ${JSON.stringify(view)}`
          const { grids } = gridShapeOf(spec.granularity, view)
          expect(quantized.codes.length, label).toBe(values.length)
          expect(quantized.scales.length, label).toBe(grids)
          expect(quantized.zeros?.length, label).toBe(spec.symmetric ? undefined : grids)
          expect(
            quantized.codes.every((code) => code < 2 ** spec.bits),
            label,
          ).toBe(true)
          expect(quantized.scales.every(Number.isFinite), label).toBe(true)
          expect(Math.abs(energy - expectedEnergy), label).toBeLessThanOrEqual(expectedEnergy * 1e-5 + 1e-80)
          const expected = trueError(values, quantized)
          expect(Math.abs(squaredError - expected), label).toBeLessThanOrEqual(
            expected * 1e-3 + expectedEnergy * 1e-6 + 1e-80,
          )
          if (solver === 'nearest') continue
          const nearest = trueError(values, solve(values, view, spec, 'nearest', kernels).quantized)
          expect(expected, label).toBeLessThanOrEqual(nearest * (1 + 1e-5) + expectedEnergy * 1e-9)
        }
        expect(values, 'input unchanged').toEqual(before)
      }
    })

    test('weights near the ends of f32 give codes in range and finite levels', () => {
      for (const make of Object.values(extremeKinds)) {
        for (const spec of specs.filter(({ scale }) => scale === 'f32')) {
          const values = make(4, countOf(views[0]!))
          const { quantized } = solve(values, views[0]!, spec, solver, kernels)
          expect(quantized.codes.every((code) => code < 2 ** spec.bits)).toBe(true)
          expect(decodeByDefinition(quantized).every(Number.isFinite)).toBe(true)
        }
      }
    })

    test('zero weights decode to zero', () => {
      for (const spec of specs) {
        const { quantized, squaredError } = solve(
          new Float32Array(countOf(views[0]!)),
          views[0]!,
          spec,
          solver,
          kernels,
        )
        expect(squaredError).toBe(0)
        expect(decodeByDefinition(quantized).every((value) => value === 0)).toBe(true)
      }
    })

    test('a weight of zero decodes to zero', () => {
      for (const spec of specs) {
        const values = weightKinds.positive(1, countOf(views[0]!))
        for (let index = 0; index < values.length; index += 3) values[index] = 0
        const decoded = decodeByDefinition(solve(values, views[0]!, spec, solver, kernels).quantized)
        for (let index = 0; index < values.length; index += 3) expect(decoded[index]! + 0).toBe(0)
      }
    })

    test('powers of two keep all codes', () => {
      for (const spec of specs.filter(({ scale }) => scale === 'f32')) {
        for (const view of views) {
          const values = weightKinds.gaussian(8, countOf(view))
          const plain = solve(values, view, spec, solver, kernels).quantized
          const scaled = solve(
            values.map((value) => value * 1024),
            view,
            spec,
            solver,
            kernels,
          ).quantized
          expect(scaled.codes).toEqual(plain.codes)
          expect(scaled.zeros).toEqual(plain.zeros)
          expect(scaled.scales).toEqual(plain.scales.map((scale) => scale * 1024))
        }
      }
    })

    test('rows do not depend on what lies beside them', () => {
      const view: MatrixView = { stack: 1, channels: 9, depth: 70, along: 'row' }
      const values = weightKinds.heavyTailed(4, countOf(view))
      for (const spec of specs.filter(({ granularity }) => granularity.kind !== 'tensor')) {
        const whole = solve(values, view, spec, solver, kernels).quantized
        for (const [first, last] of [
          [0, 4],
          [4, 9],
        ] as const) {
          const part = solve(
            values.slice(first * 70, last * 70),
            { ...view, channels: last - first },
            spec,
            solver,
            kernels,
          )
          expect(part.quantized.codes).toEqual(whole.codes.slice(first * 70, last * 70))
          const perRow = whole.scales.length / 9
          expect(part.quantized.scales).toEqual(whole.scales.slice(first * perRow, last * perRow))
        }
      }
    })

    test('blocks of columns do not depend on what lies above them', () => {
      const view: MatrixView = { stack: 1, channels: 7, depth: 70, along: 'column' }
      const values = weightKinds.heavyTailed(6, countOf(view))
      for (const spec of specs.filter(({ granularity }) => granularity.kind === 'block')) {
        const whole = solve(values, view, spec, solver, kernels).quantized
        const lower = solve(values.slice(32 * 7), { ...view, depth: 38 }, spec, solver, kernels).quantized
        expect(lower.codes).toEqual(whole.codes.slice(32 * 7))
      }
    })

    test('the same weights in the other order give the same codes, to rounding of sums', () => {
      for (const spec of specs) {
        const [channels, depth] = [6, 50]
        const rows = weightKinds.gaussian(7, channels * depth)
        const columns = Float32Array.from(rows, (_, i) => rows[(i % channels) * depth + Math.floor(i / channels)]!)
        const byRow = solve(rows, { stack: 1, channels, depth, along: 'row' }, spec, solver, kernels)
        const byColumn = solve(columns, { stack: 1, channels, depth, along: 'column' }, spec, solver, kernels)
        expect(byColumn.squaredError).toBeCloseTo(byRow.squaredError, 6)
        if (solver === 'nearest') expect(byColumn.quantized.scales).toEqual(byRow.quantized.scales)
      }
    })

    test.each([Number.NaN, Infinity, -Infinity])('%d is named with its index', (wrong) => {
      for (const view of views) {
        const values = weightKinds.gaussian(2, countOf(view))
        const index = Math.floor(values.length / 2)
        values[index] = wrong
        let thrown: unknown
        try {
          solve(values, view, specs[0]!, solver, kernels, 'fc.weight')
        } catch (error) {
          thrown = error
        }
        expect((thrown as TersorError).code).toBe('E_NONFINITE')
        expect((thrown as TersorError).where).toBe(`fc.weight[${index}]`)
        expect((thrown as TersorError).message).toContain(String(wrong))
      }
    })

    test('a view that does not cover the values is refused', () => {
      expect(() => solve(new Float32Array(7), views[0]!, specs[0]!, solver, kernels)).toThrow(/expected 1 x 5 x 75/)
    })

    test('no values, no error', () => {
      const { quantized } = solve(new Float32Array(0), { ...views[0]!, depth: 0 }, specs[0]!, solver, kernels)
      expect(quantized.codes.length).toBe(0)
    })
  })
}
