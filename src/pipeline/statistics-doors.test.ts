import { expect, test } from 'vitest'
import { buildModel, encodeModel, f32, node, value } from '../../test/fixtures/build.ts'
import { memorySource } from '../bytes/memory.ts'
import { readNcnnTable } from '../calibration/ncnn-table.ts'
import { writeStatistics } from '../calibration/statistics-file.ts'
import { ValueCollector } from '../calibration/value-collector.ts'
import { createKernelsSync, createReferenceKernels } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { load } from './load.ts'
import { modelFingerprint } from './model-fingerprint.ts'
import { ncnnTable, ortCalibrationCache, readStatistics } from './statistics-doors.ts'
import { ncnnTableOf } from './statistics-tables.ts'

const kernels = createKernelsSync()

const conv = (x: string, w: string, y: string, more = {}) =>
  node('Conv', [x, w], [y], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], ...more }, { name: y })
const BUILT = buildModel({
  opset: 17,
  inputs: [value('x', 'f32', [1, 2, 4, 4])],
  outputs: [value('z', 'f32')],
  initializers: [
    f32(
      'w1',
      [2, 2, 3, 3],
      Float32Array.from({ length: 36 }, (_, i) => (i < 18 ? 0.5 : -2)),
    ),
    f32(
      'w2',
      [2, 1, 3, 3],
      Float32Array.from({ length: 18 }, (_, i) => (i < 9 ? 1 : 4)),
    ),
    f32('w3', [4, 2], [1, 2, -3, 1, 0, 0, 0, 0]),
  ],
  nodes: [
    conv('x', 'w1', 'a'),
    conv('a', 'w2', 'b', { group: 2 }),
    node('MatMul', ['b', 'w3'], ['z'], {}, { name: 'z' }),
  ],
})

function statisticsOf(model: string): Statistics {
  const collector = new ValueCollector(kernels)
  collector.add(Float32Array.of(-4, 1, 2), [3])
  const seen = collector.statistics()
  const values = new Map([
    ['x', seen],
    ['a', seen],
    ['b', seen],
  ])
  return { model, labels: ['one'], values, skipped: new Map(), carried: [] }
}

test('a table for ncnn: six bits for its Winograd kernel, a scale for each group, columns of a matrix', async () => {
  const { model } = await load(memorySource(await encodeModel(BUILT)), undefined)
  const options = { calibrator: 'minmax' } as const
  const text = await ncnnTableOf(model, statisticsOf(''), createReferenceKernels(), options)
  expect(readNcnnTable(text)).toEqual([
    { name: 'a', scale: 31.75, weightScales: Float32Array.of(62, 15.5) },
    { name: 'b', scale: 31.75, weightScales: Float32Array.of(127, 31.75) },
    { name: 'z', scale: 31.75, weightScales: Float32Array.of(127 / 3, 63.5) },
  ])
  const some = await ncnnTableOf(model, statisticsOf(''), createReferenceKernels(), {
    ...options,
    layerName: (label) => (label === 'b' ? 'convdw_7' : null),
  })
  expect(readNcnnTable(some).map(({ name }) => name)).toEqual(['convdw_7'])
})

test('statistics of another model make no table', async () => {
  const bytes = await encodeModel(BUILT)
  await expect(ncnnTable(bytes, statisticsOf('0'.repeat(64)))).rejects.toMatchObject({ code: 'E_USAGE' })
  const { model } = await load(memorySource(bytes), undefined)
  const own = statisticsOf(await modelFingerprint(model))
  expect(await ncnnTable(bytes, own)).toMatch(/^a_param_0 /)
  const read = await readStatistics(new Blob([writeStatistics(own) as Uint8Array<ArrayBuffer>]))
  expect(JSON.parse(ortCalibrationCache(read)).data.a.lowest.data).toBe(-4)
})
