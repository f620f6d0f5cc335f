import { describe, expect, test } from 'vitest'
import { differences, readGolden, values } from '../../../test/golden/read.ts'
import type { Observer, ValueRange } from '../../model/observer.ts'
import { channelMinMaxObserver } from './channel-min-max.ts'
import { minMaxObserver } from './min-max.ts'
import { batchRangesObserver, movingAverage } from './moving-average.ts'
import { torchHistogramObserver } from './torch-histogram.ts'
import { torchHistogramRange } from './torch-histogram-range.ts'

interface Result {
  observer: string
  axis: number
  range: string
  found?: string
  histogram?: string
  low: string
  high: string
}

interface Case {
  kind: string
  name: string
  shape: number[]
  batches: string[]
  results: Result[]
}

const { cases } = readGolden<Case>('torch.json')

function seen<S>(observer: Observer<S>, batches: readonly Float32Array[], shape?: readonly number[]): S {
  return batches.reduce((state, batch) => observer.observe(state, batch, shape ?? [batch.length]), observer.empty())
}

function rangeOf(name: string, batches: readonly Float32Array[]): ValueRange {
  if (name.startsWith('min-max')) return seen(minMaxObserver, batches)
  if (name === 'moving average') return movingAverage(seen(batchRangesObserver, batches))
  if (name === 'moving average 0.3') return movingAverage(seen(batchRangesObserver, batches), 0.3)
  return seen(torchHistogramObserver(binsOf(name)), batches)
}

const binsOf = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 2048)

describe.each(cases.filter(({ kind }) => kind === 'observers'))('PyTorch, $name', ({ batches: texts, results }) => {
  const batches = texts.map(values)
  const names = [...new Set(results.map(({ observer }) => observer))]

  test.each(names)('%s: range', (name) => {
    const { min, max } = rangeOf(name, batches)
    for (const result of results.filter(({ observer }) => observer === name)) {
      expect(differences([min, max], values(result.range))).toEqual([])
    }
  })

  test.each(results.filter(({ found }) => found !== undefined))('$observer: counts and search', (result) => {
    const histogram = seen(torchHistogramObserver(binsOf(result.observer)), batches)
    if (result.histogram) expect(differences(histogram.counts, values(result.histogram))).toEqual([])
    const { min, max } = torchHistogramRange(histogram)
    expect(differences([min, max], values(result.found!))).toEqual([])
  })
})

describe.each(cases.filter(({ kind }) => kind === 'channel observers'))('PyTorch per channel', (golden) => {
  test.each(golden.results.filter(({ observer }) => observer === 'per channel'))(
    'axis $axis',
    ({ axis, low, high }) => {
      const found = seen(channelMinMaxObserver(axis), golden.batches.map(values), golden.shape)
      expect(differences(found.min, values(low))).toEqual([])
      expect(differences(found.max, values(high))).toEqual([])
    },
  )
})
