import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKernelsSync } from '../kernels/index.ts'
import { alignedHistogramObserver, channelMomentsObserver } from './observers/index.ts'
import { asSingles, MOST_CHANNELS, STATISTICS_BINS, ValueCollector } from './value-collector.ts'

const kernels = createKernelsSync()

const floats = fc.float({ noNaN: true, noDefaultInfinity: true })
const samples = fc.array(
  fc
    .array(fc.oneof(floats, fc.constant(0), fc.constant(-0)), { maxLength: 12 })
    .map((list) => Float32Array.from(list.slice(0, list.length - (list.length % 3)))),
  { maxLength: 6 },
)

test('remembers what the observers remember', () => {
  const histogram = alignedHistogramObserver(STATISTICS_BINS)
  const moments = channelMomentsObserver(1)
  fc.assert(
    fc.property(samples, (list) => {
      const collector = new ValueCollector(kernels, -1)
      let [h, m] = [histogram.empty(), moments.empty()]
      for (const values of list) {
        const shape = [values.length / 3, 3]
        collector.add(values, shape)
        h = histogram.observe(h, values, shape)
        m = moments.observe(m, values, shape)
      }
      const found = collector.statistics()
      expect({ min: found.min, max: found.max, exponent: found.exponent, counts: found.counts }).toEqual(h)
      const all = list.flatMap((values) => [...values])
      expect(found.count).toBe(all.length)
      expect(found.zeros).toBe(all.filter((value) => value === 0).length)
      expect(found.samples.length).toBe(2 * list.length)
      if (all.length === 0) return
      const { sum, squares, rest: _rest, ...channels } = found.channels!
      const { sum: sums, squares: others, ...ranges } = m
      expect(channels).toEqual({ axis: 1, ...ranges })
      for (const [index, energy] of squares.entries()) {
        expect(Math.abs(energy - others[index]!)).toBeLessThanOrEqual(energy * 1e-15)
        expect(Math.abs(sum[index]! - sums[index]!)).toBeLessThanOrEqual(Math.sqrt(energy * all.length) * 1e-15)
      }
    }),
    { seed: 4, numRuns: 30 },
  )
})

test('going on from statistics gives the bits of one run', () => {
  fc.assert(
    fc.property(samples, fc.nat(6), (list, cut) => {
      const whole = new ValueCollector(kernels, -1)
      for (const values of list) whole.add(values, [values.length / 3, 3])
      const first = new ValueCollector(kernels, -1)
      for (const values of list.slice(0, cut)) first.add(values, [values.length / 3, 3])
      const second = new ValueCollector(kernels, -1, first.statistics())
      for (const values of list.slice(cut)) second.add(values, [values.length / 3, 3])
      expect(second.statistics()).toEqual(whole.statistics())
    }),
    { seed: 4, numRuns: 20 },
  )
})

test('least and greatest value of every sample, many samples', () => {
  const collector = new ValueCollector(kernels)
  for (let index = 0; index < 200; index++) collector.add(Float32Array.of(-index, index), [2])
  const { samples: ranges } = collector.statistics()
  expect(ranges.length).toBe(400)
  expect([ranges[398], ranges[399]]).toEqual([-199, 199])
})

test('what is not finite changes nothing', () => {
  for (const axis of [undefined, 0]) {
    const collector = new ValueCollector(kernels, axis)
    collector.add(Float32Array.of(1, 2), [2])
    const before = collector.statistics()
    expect(() => collector.add(Float32Array.of(5, Number.NaN), [2])).toThrow(
      expect.objectContaining({ code: 'E_NONFINITE', message: expect.stringContaining('activation 1') }),
    )
    expect(collector.statistics()).toEqual(before)
  }
})

test('an axis of changing length, of too many indices or beyond the shape is given up, the rest stays', () => {
  const changing = new ValueCollector(kernels, -1)
  changing.add(Float32Array.of(1, 2), [1, 2])
  changing.add(Float32Array.of(1, 2, 3), [1, 3])
  changing.add(Float32Array.of(1, 2), [1, 2])
  expect(changing.statistics().channels).toBeUndefined()
  expect(changing.statistics().count).toBe(7)
  const wide = new ValueCollector(kernels, 0)
  wide.add(new Float32Array(MOST_CHANNELS + 1), [MOST_CHANNELS + 1])
  expect(wide.statistics().channels).toBeUndefined()
  const beyond = new ValueCollector(kernels, 3)
  beyond.add(Float32Array.of(1), [1])
  expect(beyond.statistics().channels).toBeUndefined()
})

test('doubles beyond f32 are no activations', () => {
  expect(asSingles(Float64Array.of(0.5))).toEqual(Float32Array.of(0.5))
  expect(() => asSingles(Float64Array.of(1e300))).toThrow(expect.objectContaining({ code: 'E_NONFINITE' }))
})

test.each([
  ['runs of channels', 1, [1, 4, 30000]],
  ['columns', -1, [30000, 4]],
  ['no channels', undefined, [120007]],
] as const)('a part of large values counts for all of them: %s', (_, axis, shape) => {
  const values = Float32Array.from({ length: shape.reduce((a: number, b) => a * b, 1) }, (__, i) =>
    Math.max(0, Math.sin(i * 0.7) * (i % 4)),
  )
  const [all, some] = [new ValueCollector(kernels, axis), new ValueCollector(kernels, axis, undefined, 10000)]
  all.add(values, shape)
  some.add(values, shape)
  const [whole, part] = [all.statistics(), some.statistics()]
  const { counts, zeros, ...rest } = part
  const { counts: allCounts, zeros: allZeros, ...allRest } = whole
  // Ranges, moments and the number of values are of all of them.
  expect(rest).toEqual(allRest)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
  expect(counts).not.toEqual(allCounts)
  expect(Math.abs(zeros - allZeros) / allZeros).toBeLessThan(0.05)
  expect(zeros).toBeLessThanOrEqual(counts[counts.length / 2]!)
  const shareBelow = (bins: Float64Array) =>
    bins.subarray(0, bins.length / 2 + bins.length / 8).reduce((sum, count) => sum + count, 0) / values.length
  expect(Math.abs(shareBelow(counts) - shareBelow(allCounts))).toBeLessThan(0.01)
  // Where it lies makes no difference.
  const at = kernels.reserve((16 << 20) + values.byteLength) + (16 << 20)
  const placed = new Float32Array(kernels.memory, at, values.length)
  placed.set(values)
  const there = new ValueCollector(kernels, axis, undefined, 10000)
  there.add(placed, shape)
  expect(there.statistics()).toEqual(part)
})

test('values that are not many all count', () => {
  const values = Float32Array.from({ length: 19999 }, (_, i) => (i * 7919) % 1000)
  const [all, some] = [new ValueCollector(kernels), new ValueCollector(kernels, undefined, undefined, 10000)]
  all.add(values, [19999])
  some.add(values, [19999])
  expect(some.statistics()).toEqual(all.statistics())
})
