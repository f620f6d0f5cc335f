import { expect, test } from 'vitest'
import { createKernelsSync } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { readOrtCache, writeOrtCache } from './ort-cache.ts'
import { ValueCollector } from './value-collector.ts'

const kernels = createKernelsSync()

const collector = new ValueCollector(kernels)
collector.add(Float32Array.of(-1.5, 0.1, 3), [3])
const STATISTICS: Statistics = {
  model: 'a'.repeat(64),
  labels: ['one'],
  values: new Map([
    ['conv "1"', collector.statistics()],
    ['nothing', new ValueCollector(kernels).statistics()],
  ]),
  skipped: new Map(),
  carried: [],
}

test('the file that onnxruntime.quantization 1.30 writes and loads', () => {
  expect(JSON.parse(writeOrtCache(STATISTICS))).toEqual({
    CLS: 'TensorsData',
    data: {
      'conv "1"': {
        lowest: { data: -1.5, dtype: 'float32', CLS: 'numpy.array' },
        highest: { data: 3, dtype: 'float32', CLS: 'numpy.array' },
        CLS: 'TensorData',
      },
    },
    calibration_method: { CLS: 'CalibrationMethod', value: 'CalibrationMethod.MinMax' },
    smooth_quant: false,
  })
})

test('reads back; also arrays of one element, as its calibrators leave them', () => {
  expect(readOrtCache(writeOrtCache(STATISTICS))).toEqual(new Map([['conv "1"', { min: -1.5, max: 3 }]]))
  const array = (data: unknown) => ({ data, dtype: 'float32', CLS: 'numpy.array' })
  const file = (data: object) => JSON.stringify({ CLS: 'TensorsData', data: { x: { ...data, CLS: 'TensorData' } } })
  expect(readOrtCache(file({ lowest: array([0]), highest: 2.5 })).get('x')).toEqual({ min: 0, max: 2.5 })
  const refused = [
    file({ lowest: array([0, 1]), highest: array([2, 3]) }),
    file({ lowest: array(2), highest: array(1) }),
    file({ lowest: array('x'), highest: array(1) }),
    file({}),
    '{}',
    'x',
  ]
  for (const text of refused) expect(() => readOrtCache(text)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})
