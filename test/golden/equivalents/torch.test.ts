import { describe, expect, test } from 'vitest'
import { channelMinMaxObserver } from '../../../src/calibration/observers/channel-min-max.ts'
import { minMaxObserver } from '../../../src/calibration/observers/min-max.ts'
import { batchRangesObserver, movingAverage } from '../../../src/calibration/observers/moving-average.ts'
import { torchHistogramObserver } from '../../../src/calibration/observers/torch-histogram.ts'
import { torchHistogramRange } from '../../../src/calibration/observers/torch-histogram-range.ts'
import type { Observer, ValueRange } from '../../../src/model/observer.ts'
import { arrayScheme, dequantizeArray, quantizeArray, unpackedCodes } from '../../../src/schemes/arrays/index.ts'
import { torchQParams } from '../../../src/schemes/ranges/torch-range.ts'
import { codes, differences, readGolden, values } from '../read.ts'

interface GridCase {
  kind: string
  name: string
  low: number
  scale: string
  zero: string | number
  shape?: number[]
  axis?: number
  x: string
  codes: string
  back: string
  fake: string
}

interface ObserverCase {
  kind: string
  name: string
  batches: string[]
  results: { observer: string; type: 'int8' | 'uint8'; symmetric: boolean; scale: number; zero: number }[]
}

const { cases } = readGolden<GridCase & ObserverCase>('torch.json')

describe('quantizeArray with a given grid', () => {
  // Our zeros are unsigned like codes: qint8's plus 128.
  test.each(cases.filter(({ kind }) => kind === 'per tensor'))('torch.quantize_per_tensor $name', (golden) => {
    const grid = { scales: values(golden.scale), zeros: (golden.zero as number) - golden.low }
    const found = quantizeArray(values(golden.x), { scheme: 'int8-tensor-asym', grid })
    const signed = unpackedCodes(found, arrayScheme(found.scheme))
    const expected = codes(golden.codes).map((code) => code - golden.low)
    expect(differences(signed, expected)).toEqual([])
    expect(differences(dequantizeArray(found), values(golden.back))).toEqual([])
    expect(differences(dequantizeArray(found), values(golden.fake))).toEqual([])
  })

  test.each(cases.filter(({ kind }) => kind === 'per channel'))('torch.quantize_per_channel $name', (golden) => {
    const zeros = codes(golden.zero as string).map((zero) => zero - golden.low)
    const options = {
      scheme: `int8-channel${golden.axis}-asym`,
      shape: golden.shape!,
      grid: { scales: values(golden.scale), zeros },
    }
    const found = quantizeArray(values(golden.x), options)
    const expected = codes(golden.codes).map((code) => code - golden.low)
    expect(differences(unpackedCodes(found, arrayScheme(found.scheme)), expected)).toEqual([])
    expect(differences(dequantizeArray(found), values(golden.back))).toEqual([])
    expect(differences(dequantizeArray(found), values(golden.fake))).toEqual([])
  })
})

describe('an observer, then calculate_qparams', () => {
  const over = <S>(observer: Observer<S>, batches: readonly Float32Array[]): S =>
    batches.reduce((state, batch) => observer.observe(state, batch, [batch.length]), observer.empty())

  function rangeOf(name: string, batches: readonly Float32Array[]): ValueRange {
    if (name.startsWith('min-max')) return over(minMaxObserver, batches)
    if (name === 'moving average') return movingAverage(over(batchRangesObserver, batches))
    if (name === 'moving average 0.3') return movingAverage(over(batchRangesObserver, batches), 0.3)
    return torchHistogramRange(over(torchHistogramObserver(Number(/\d+/.exec(name)?.[0] ?? 2048)), batches))
  }

  const rows = cases
    .filter(({ kind }) => kind === 'observers')
    .flatMap(({ name, batches, results }) => results.map((result) => ({ stream: name, batches, ...result })))

  test.each(rows)('$observer $type symmetric $symmetric, $stream', (row) => {
    const { min, max } = rangeOf(row.observer, row.batches.map(values))
    const options = { type: row.type, symmetric: row.symmetric, reduceRange: row.observer.includes('reduced') }
    const { scale, zero } = torchQParams(min, max, options)
    expect([scale, zero]).toEqual([Math.fround(row.scale), row.zero])
  })
})

interface ChannelCase {
  kind: string
  shape: number[]
  batches: string[]
  results: { axis: number; type: 'int8' | 'uint8'; symmetric: boolean; scales: string; zeros: string }[]
}

describe('PerChannelMinMaxObserver, then calculate_qparams', () => {
  const golden = readGolden<ChannelCase>('torch.json').cases.find(({ kind }) => kind === 'channel observers')!

  test.each(golden.results)('axis $axis, $type symmetric $symmetric', ({ axis, type, symmetric, scales, zeros }) => {
    const observer = channelMinMaxObserver(axis)
    const { min, max } = golden.batches.reduce(
      (state, batch) => observer.observe(state, values(batch), golden.shape),
      observer.empty(),
    )
    const grids = Array.from(min, (low, channel) => torchQParams(low, max[channel]!, { type, symmetric }))
    expect(
      differences(
        grids.map(({ scale }) => scale),
        values(scales),
      ),
    ).toEqual([])
    expect(
      differences(
        grids.map(({ zero }) => zero),
        codes(zeros),
      ),
    ).toEqual([])
  })
})
