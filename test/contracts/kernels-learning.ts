import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Pair, sampleValues } from './kernels-pair.ts'

const fours = (max: number) => fc.integer({ min: 1, max }).map((count) => 4 * count)
const seed = fc.nat(1000)
/** Of usual size: sums of huge values are infinite, and what is left of those has no defined bits. */
const bell = (count: number, from: number) => sampleValues(count, 0, from)

/** Products, patches, activations and what learned rounding updates. */
export function describeLearning(pairOf: () => Pair): void {
  describe('learning', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })

    it('multiplyRows: the same bits for a matrix and its transpose, overwritten and added to', () => {
      const cases = fc.record({
        rows: fc.integer({ min: 0, max: 11 }),
        depth: fc.integer({ min: 0, max: 20 }),
        columns: fours(5),
        gap: fc.constantFrom(0, 4),
        turned: fc.boolean(),
        add: fc.constantFrom<0 | 1>(0, 1),
        seed,
      })
      fc.assert(
        fc.property(cases, ({ rows, depth, columns, gap, turned, add, seed: from }) => {
          pair.clear()
          const a = pair.put(bell(rows * depth + 1, from))
          const b = pair.put(bell((depth + 1) * (columns + gap), from + 1))
          const out = pair.put(bell((rows + 1) * (columns + gap), from + 2))
          const [row, step] = turned ? [1, rows] : [depth, 1]
          pair.call('multiplyRows', a, row, step, b, columns + gap, out, columns + gap, rows, depth, columns, add)
        }),
        { numRuns: 100 },
      )
    })

    it('multiplyRows multiplies', () => {
      pair.clear()
      const a = pair.put([1, 2, 3, 4])
      const b = pair.put([1, 0, 2, 0, 10, 1, 0, 1])
      const out = pair.put(new Array(8).fill(1))
      pair.call('multiplyRows', a, 2, 1, b, 4, out, 4, 2, 2, 4, 0)
      expect([...pair.floats(out, 8)]).toEqual([21, 2, 2, 2, 43, 4, 6, 4])
      pair.call('multiplyRows', a, 1, 2, b, 4, out, 4, 2, 2, 4, 1)
      expect([...pair.floats(out, 8)]).toEqual([52, 5, 4, 5, 85, 8, 10, 8])
    })

    it('softmaxRows, softmaxGradRows and combineFloats: the same bits for rows of any length', () => {
      const cases = fc.record({
        rows: fc.integer({ min: 0, max: 4 }),
        columns: fc.integer({ min: 1, max: 19 }),
        kind: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
        steps: fc.tuple(fc.constantFrom<0 | 1>(0, 1), fc.constantFrom<0 | 1>(0, 1)),
        add: fc.constantFrom<0 | 1>(0, 1),
        seed,
      })
      fc.assert(
        fc.property(cases, ({ rows, columns, kind, steps, add, seed: from }) => {
          pair.clear()
          const count = rows * columns
          const src = pair.put(bell(count + 1, from))
          const grad = pair.put(bell(count + 1, from + 1))
          const shares = pair.area(4 * count + 4)
          const to = pair.put(bell(count + 1, from + 2))
          pair.call('softmaxRows', src, rows, columns, shares)
          pair.call('softmaxGradRows', shares, grad, rows, columns, to)
          pair.call('combineFloats', kind, src, steps[0], grad, steps[1], count, to, add)
        }),
        { numRuns: 100 },
      )
    })

    it('softmaxRows gives shares, softmaxGradRows how they change', () => {
      pair.clear()
      const src = pair.put([0, Math.log(2), Math.log(5), -Infinity, 0, Math.log(2)])
      const shares = pair.area(24)
      pair.call('softmaxRows', src, 1, 6, shares)
      const expected = [1, 2, 5, 0, 1, 2].map((share) => share / 11)
      for (const [i, share] of expected.entries()) expect(pair.floats(shares, 6)[i]).toBeCloseTo(share, 6)
      const grad = pair.put([1, 0, 0, 0, 0, 0])
      const to = pair.put([0, 0, 0, 0, 0, 0])
      pair.call('softmaxGradRows', shares, grad, 1, 6, to)
      expect(pair.floats(to, 6)[0]).toBeCloseTo(10 / 121, 6)
      expect(pair.floats(to, 6)[1]).toBeCloseTo(-2 / 121, 6)
    })

    it('transposeFloats', () => {
      pair.clear()
      const src = pair.put(Array.from({ length: 32 }, (_, i) => i))
      const out = pair.area(128)
      pair.call('transposeFloats', src, 8, 4, 8, out, 4)
      expect([...pair.floats(out, 8)]).toEqual([0, 8, 16, 24, 1, 9, 17, 25])
    })

    const maps = fc.record({
      channels: fours(3),
      kernelHeight: fc.integer({ min: 1, max: 3 }),
      kernelWidth: fc.integer({ min: 1, max: 3 }),
      strideY: fc.integer({ min: 1, max: 2 }),
      strideX: fc.integer({ min: 1, max: 3 }),
      stepY: fc.integer({ min: 1, max: 2 }),
      stepX: fc.integer({ min: 1, max: 2 }),
      outHeight: fc.integer({ min: 1, max: 4 }),
      outWidth: fc.integer({ min: 1, max: 4 }),
      seed,
    })
    it('unfoldMap, convolveChannels: the same bits; a convolution of channels is its patches times its weights', () => {
      fc.assert(
        fc.property(maps, (one) => {
          pair.clear()
          const { channels, kernelHeight, kernelWidth, strideY, strideX, stepY, stepX, outHeight, outWidth } = one
          const height = (outHeight - 1) * strideY + (kernelHeight - 1) * stepY + 1
          const width = (outWidth - 1) * strideX + (kernelWidth - 1) * stepX + 1
          const shape = [kernelHeight, kernelWidth, strideY, strideX, stepY, stepX, outHeight, outWidth] as const
          const places = kernelHeight * kernelWidth
          const map = pair.put(bell(height * width * channels, one.seed))
          const patches = pair.area(outHeight * outWidth * places * channels * 4)
          const weights = pair.put(bell(places * channels, one.seed + 1))
          const out = pair.area(outHeight * outWidth * channels * 4)
          pair.call('unfoldMap', map, width, channels, channels, ...shape, patches, 0)
          pair.call('convolveChannels', 0, map, width, channels, ...shape, weights, out)
          const w = pair.floats(weights, places * channels)
          const p = pair.floats(patches, outHeight * outWidth * places * channels)
          const wanted = Array.from({ length: outHeight * outWidth * channels }, (_, i) => {
            let sum = 0
            for (let k = 0; k < places; k++) {
              const product = p[(Math.floor(i / channels) * places + k) * channels + (i % channels)]!
              sum = Math.fround(sum + Math.fround(product * w[k * channels + (i % channels)]!))
            }
            return sum
          })
          expect([...pair.floats(out, wanted.length)]).toEqual(wanted)
          pair.call('convolveChannels', 1, map, width, channels, ...shape, weights, out)
          pair.call('convolveChannels', 2, map, width, channels, ...shape, weights, out)
          pair.call('unfoldMap', map, width, channels, channels, ...shape, patches, 1)
        }),
        { numRuns: 60 },
      )
    })

    it('activations and their gradients: the same bits; rounded to the grid, stopped outside', () => {
      fc.assert(
        fc.property(fc.nat(5), fours(3), fc.constantFrom(0, 0.125), seed, (rows, columns, scale, from) => {
          pair.clear()
          const src = pair.put(bell(rows * columns, from))
          const bias = pair.put(bell(columns, from + 1))
          const out = pair.area(rows * columns * 4)
          const grad = pair.put(bell(rows * columns, from + 2))
          const sums = pair.put(bell(columns, from + 3))
          pair.call('activateRows', src, bias, rows, columns, -0.75, 1, scale, -5, 250, out)
          pair.call('passRows', src, bias, rows, columns, -0.75, 1, grad, sums)
          pair.call('addFloats', src, grad, -1, rows * columns, out)
        }),
        { numRuns: 60 },
      )
      pair.clear()
      const src = pair.put([-2, 0.3, 0.9, 5])
      const bias = pair.put([0, 0, 0.5, 0])
      const out = pair.area(16)
      pair.call('activateRows', src, bias, 1, 4, 0, 6, 0.25, 0, 20, out)
      expect([...pair.floats(out, 4)]).toEqual([0, 0.25, 1.5, 5])
      const grad = pair.put([1, 1, 1, 1])
      const sums = pair.put([0, 0, 0, 7])
      pair.call('passRows', src, bias, 1, 4, 0, 5, grad, sums)
      expect([...pair.floats(sums, 4)]).toEqual([0, 1, 1, 7])
    })

    it('softWeights, stepRounding: the same bits', () => {
      const cases = fc.record({ rows: fc.nat(4), columns: fours(3), pressure: fc.constantFrom(0, 0.01), seed })
      fc.assert(
        fc.property(cases, fc.integer({ min: 1, max: 19 }), ({ rows, columns, pressure, seed: from }, power) => {
          pair.clear()
          const count = rows * columns
          const v = pair.put(bell(count, from).map((x) => x * 4))
          const base = pair.put(sampleValues(count, 7, from))
          const scales = pair.put(bell(columns, from + 1))
          const out = pair.area(count * 4)
          pair.call('softWeights', v, base, scales, rows, columns, -8, 7, out)
          const grad = pair.put(bell(count, from + 2))
          const first = pair.put(bell(count, from + 3))
          const second = pair.put(bell(count, from + 4).map(Math.abs))
          const rest = [0.01, 1 / 0.1, 1 / 0.001, pressure, power] as const
          pair.call('stepRounding', v, base, scales, grad, first, second, rows, columns, -8, 7, ...rest)
        }),
        { numRuns: 100 },
      )
    })

    it('softWeights: half-way at 0, whole at the ends, inside the codes; stepRounding goes down the gradient', () => {
      pair.clear()
      const v = pair.put([0, 40, -40, 40])
      const base = pair.put([2, 2, 2, 7])
      const scales = pair.put([0.5, 0.5, 0.5, -1])
      const out = pair.area(16)
      pair.call('softWeights', v, base, scales, 1, 4, -8, 7, out)
      expect([...pair.floats(out, 4)]).toEqual([1.25, 1.5, 1, -7])
      const state = pair.put(new Float32Array(8))
      const grad = pair.put([1, 1, 1, 1])
      pair.call('stepRounding', v, base, scales, grad, state, state + 16, 1, 4, -8, 7, 0.1, 10, 1000, 0, 1)
      const [moved, ...kept] = pair.floats(v, 4)
      expect(moved).toBeCloseTo(-0.1, 4)
      expect(kept).toEqual([40, -40, 40])
    })
  })
}
