import { expect, it } from 'vitest'
import type { Feeds, Value } from '../model/runtime.ts'
import { labelsOfCsv } from './labels.ts'
import { type Measure, moduleMeter } from './module-metric.ts'

const floats = (...values: number[]): Value => ({
  dtype: 'f32',
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const feeds: Feeds = { x: floats(4) }
const meterOf = (measure: Measure, higherIsBetter = true) =>
  moduleMeter({ name: 'mine', measure, higherIsBetter }, labelsOfCsv('label\n5\n6\n-1', 'l.csv'), 3)

it('averages what the module says for both models', async () => {
  const seen: unknown[] = []
  const meter = meterOf(async (outputs, sample, label) => {
    seen.push([sample.label, sample.index, sample.feeds.x?.data[0], label])
    return label === undefined ? undefined : (outputs.y?.data[0] as number)
  }, false)
  for (const index of [0, 1, 2])
    await meter.add({ label: `s${index}`, index, feeds }, { y: floats(index) }, { y: floats(10 * index) })
  expect(meter.facts()).toEqual({ name: 'mine', float: 0.5, quantized: 5, higherIsBetter: false, samples: 2 })
  expect(seen.slice(0, 3)).toEqual([
    ['s0', 0, 4, 5],
    ['s0', 0, 4, 5],
    ['s1', 1, 4, 6],
  ])
  expect(meter.notes()).toEqual(['metric "mine" left out 1 of 3 samples'])
  expect(meter.examples()).toEqual([])
})

it.each<[string, () => unknown, string]>([
  ['no number', () => Number.NaN, 'expected a finite number for s0, found NaN'],
  ['nothing useful', () => 'good', 'found string'],
  ['null', () => null, 'found null'],
  [
    'an error',
    () => {
      throw new Error('my bug')
    },
    'failed on s0: my bug',
  ],
])('%s is a usage error', async (_, measure, message) => {
  const meter = meterOf(measure as Measure)
  const added = async () => meter.add({ label: 's0', index: 0, feeds }, { y: floats(0) }, { y: floats(0) })
  await expect(added()).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining(message) })
})

it('that counts nothing is a usage error', () => {
  expect(() => meterOf(() => 1).facts()).toThrow('counted no sample')
})
