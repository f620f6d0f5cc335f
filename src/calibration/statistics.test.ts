import { describe, expect, test } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { mergeStatistics } from './merge-statistics.ts'
import { coverageOf, statisticsKey } from './statistics.ts'
import { readStatistics, writeStatistics } from './statistics-file.ts'
import { ValueCollector } from './value-collector.ts'

const kernels = createKernelsSync()

const MODEL = '0123456789abcdef'.repeat(4)

/** Samples of two values; `from` is the number of the first. */
function statisticsOf(samples: readonly (readonly number[])[], from = 0): Statistics {
  const [plain, channels] = [new ValueCollector(kernels), new ValueCollector(kernels, 1)]
  for (const values of samples) {
    plain.add(Float32Array.from(values), [values.length])
    channels.add(Float32Array.from([...values, ...values.map((value) => value / 2)]), [1, 2, values.length])
  }
  return {
    model: MODEL,
    labels: samples.map((_, index) => `picture ${from + index}.png`),
    values: new Map([
      ['__proto__', plain.statistics()],
      ['conv "1"', channels.statistics()],
    ]),
    skipped: new Map([['constructor', 'picture 0.png: activation 3 is NaN']]),
    carried: ['state <- stateN'],
  }
}

const DATA = [
  [1, -2, 0],
  [0, 0.25, 3],
  [-7, 1, 1],
  [0.5, -1e-40, 2],
]

describe('merge', () => {
  test('cut anywhere, sums of channels are those of one run to the bit', () => {
    const thirds = Array.from({ length: 9 }, (_, i) => [1 / (3 + i), 1e7 / (7 + i), -1 / (11 + i)])
    const whole = statisticsOf(thirds)
    for (let cut = 1; cut < thirds.length; cut++) {
      const parts = [statisticsOf(thirds.slice(0, cut)), statisticsOf(thirds.slice(cut), cut)] as const
      expect(mergeStatistics(...parts)).toEqual(whole)
    }
    expect(whole.values.get('conv "1"')?.channels?.rest).toBeDefined()
  })

  test('what was chosen on part of the data is forgotten; unfinished runs are refused', () => {
    const a: Statistics = { ...statisticsOf(DATA), choices: new Map([['x', 1]]), synthetic: true }
    expect(mergeStatistics(a, statisticsOf(DATA))).toMatchObject({ synthetic: true })
    expect(mergeStatistics(a, a).choices).toBeUndefined()
    expect(() => mergeStatistics(a, { ...a, unfinished: true })).toThrow(/ended early/)
  })

  test('is what one run over all samples gives', () => {
    const merged = mergeStatistics(statisticsOf(DATA.slice(0, 1)), statisticsOf(DATA.slice(1), 1))
    expect(merged).toEqual(statisticsOf(DATA))
  })

  test('keeps what was seen in both only, and refuses another model', () => {
    const a = statisticsOf(DATA)
    const b: Statistics = { ...a, values: new Map([...a.values].slice(1)) }
    expect([...mergeStatistics(a, b).values.keys()]).toEqual(['conv "1"'])
    expect(mergeStatistics(b, a).skipped.get('__proto__')).toBe('not seen in all samples')
    expect(() => mergeStatistics(a, { ...a, model: MODEL.replace('0', '1') })).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    )
  })
})

describe('coverage', () => {
  test('the last tenth widened one range', () => {
    const samples = Array.from({ length: 20 }, (_, index) => [-1, index === 18 ? 3 : 1])
    const { samples: seen, last, grown } = coverageOf(statisticsOf(samples))
    expect([seen, last]).toEqual([20, 2])
    expect(grown).toEqual([
      { name: '__proto__', growth: 0.5 },
      { name: 'conv "1"', growth: 0.5 },
    ])
  })

  test('steady ranges, and one sample', () => {
    expect(coverageOf(statisticsOf(Array.from({ length: 20 }, () => [-1, 1]))).grown).toEqual([])
    expect(coverageOf(statisticsOf([[1]]))).toEqual({ samples: 1, last: 0, grown: [] })
  })
})

test('the key depends on model and labels', async () => {
  const keys = await Promise.all([
    statisticsKey({ model: MODEL, labels: ['a', 'b'] }),
    statisticsKey({ model: MODEL, labels: ['b', 'a'] }),
    statisticsKey({ model: MODEL.replace('0', '1'), labels: ['a', 'b'] }),
  ])
  expect(new Set(keys).size).toBe(3)
  expect(keys[0]).toMatch(/^[0-9a-f]{64}$/)
})

describe('file', () => {
  test('gives back what was written, and the same bytes again', async () => {
    const statistics: Statistics = {
      ...statisticsOf(DATA),
      digests: DATA.map((_, index) => (index === 2 ? '' : `${index}`.repeat(64))),
      synthetic: true,
      unfinished: true,
      choices: new Map([['__proto__', { of: [1 / 3, 'two', null] }]]),
      arrays: new Map([
        ['codes', { dtype: 'i8', shape: [2, 2], data: Uint8Array.of(1, 255, 3, 4) }],
        ['none', { dtype: 'f32', shape: [0], data: new Uint8Array(0) }],
      ]),
    }
    const bytes = writeStatistics(statistics)
    const read = await readStatistics(memorySource(bytes))
    expect(read).toEqual(statistics)
    expect(writeStatistics(read)).toEqual(bytes)
  })

  test('holds values that saw nothing', async () => {
    const statistics = {
      ...statisticsOf([]),
      labels: ['empty'],
      values: new Map([['x', new ValueCollector(kernels).statistics()]]),
    }
    expect(await readStatistics(memorySource(writeStatistics(statistics)))).toEqual(statistics)
  })

  test('cut short, or with a byte changed: refused or the same, never wrong in silence', async () => {
    const statistics = statisticsOf(DATA)
    const bytes = writeStatistics(statistics)
    for (let length = 0; length < bytes.length; length += 97) {
      await expect(readStatistics(memorySource(bytes.subarray(0, length)))).rejects.toMatchObject({
        code: /^E_(FORMAT|LIMIT)$/,
      })
    }
    for (let at = 0; at < bytes.length; at += 37) {
      const damaged = bytes.slice()
      damaged[at] = damaged[at]! ^ 0x55
      const outcome = await readStatistics(memorySource(damaged)).catch((thrown) => thrown.code)
      if (typeof outcome === 'string') expect(outcome).toMatch(/^E_(FORMAT|LIMIT|UNSUPPORTED)$/)
      else expect(outcome).toEqual(statistics)
    }
  })
})
