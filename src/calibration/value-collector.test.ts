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
