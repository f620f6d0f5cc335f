import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, encodeModel, node, value } from '../../test/fixtures/build.ts'
import { weight } from '../../test/fixtures/line-models.ts'
import { memorySource } from '../bytes/memory.ts'
import { readStatistics, writeStatistics } from '../calibration/statistics-file.ts'
import { ortRuntime } from '../runtime/ort.ts'
import { quantize } from './quantize-bytes.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const MODEL = readFileSync(join(DEMO, 'model.onnx'))
const IMAGES = new File([readFileSync(join(DEMO, 'test-images.npz'))], 'test-images.npz')
const runtime = ortRuntime(ort, 'onnxruntime-node')
const to = 'int8-static'
const bytesOf = ({ files }: { readonly files: ReadonlyMap<string, Uint8Array> }) => [...files.values()][0]

describe('static integers without files', () => {
  test('ranges of given data, a part of it held back to judge; the statistics give the same bytes with nothing run', async () => {
    const first = await quantize(MODEL, { to, calib: [IMAGES], runtime })
    expect(first.report.verdict).toMatchObject({ status: 'proven', data: 'given', samples: 32 })
    expect(first.report.decisions.some(({ because }) => /ranges of 96 samples/.test(because.text))).toBe(true)
    expect(first.report.points.length).toBeGreaterThan(2)
    expect(bytesOf(first)!.length).toBeLessThan(MODEL.length * 0.4)
    const again = await quantize(MODEL, { to, statistics: first.statistics! })
    expect(bytesOf(again)).toEqual(bytesOf(first))
    expect(again.statistics).toEqual(first.statistics)
    expect(again.report.statistics).toEqual(first.report.statistics)
    expect(again.report.verdict?.status).toBe('unproven')
    const parsed = await readStatistics(memorySource(first.statistics!))
    expect(bytesOf(await quantize(MODEL, { to, statistics: parsed }))).toEqual(bytesOf(first))
    expect(new Set(parsed.digests).size).toBe(96)
  })

  test('made-up inputs are marked, also in the file', async () => {
    const { statistics, report } = await quantize(MODEL, { to, runtime, force: true })
    expect(report.verdict?.data).toBe('synthetic')
    const again = await quantize(MODEL, { to, statistics: statistics! })
    expect(again.report.decisions.some(({ because }) => /32 synthetic inputs/.test(because.text))).toBe(true)
  })

  test('a result that is larger than its source is said to be', async () => {
    const nodes = Array.from({ length: 40 }, (_, i) => node('Gemm', [i === 0 ? 'x' : `h${i}`, 'w', 'b'], [`h${i + 1}`]))
    const model = await encodeModel(
      buildModel({
        nodes,
        initializers: [weight('w', [32, 32], 1), weight('b', [32], 2)],
        inputs: [value('x', 'f32', [1, 32])],
        outputs: [value('h40', 'f32', [1, 32])],
      }),
    )
    const { report } = await quantize(model, { to, runtime, force: true })
    const larger = ({ warnings }: typeof report) => warnings.filter((one) => /times as large as the source/.test(one))
    expect(larger(report)).toHaveLength(1)
    expect(larger((await quantize(model, { to: 'int8-weights' })).report)).toEqual([])
  })

  test('what is missing or of something else is said', async () => {
    await expect(quantize(MODEL, { to })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: /statistics, or a runtime/,
    })
    await expect(quantize(MODEL, { to: 'int8', calib: [IMAGES] })).rejects.toThrow(/belongs to/)
    await expect(quantize(MODEL, { to, calib: [], runtime })).rejects.toThrow(/at least one sample/)
    const { statistics } = await quantize(MODEL, { to, calib: [IMAGES], runtime, noVerify: true })
    const parsed = await readStatistics(memorySource(statistics!))
    const other = writeStatistics({ ...parsed, model: '0'.repeat(64) })
    await expect(quantize(MODEL, { to, statistics: other })).rejects.toThrow(/of another model/)
    const unfinished = writeStatistics({ ...parsed, unfinished: true })
    await expect(quantize(MODEL, { to, statistics: unfinished })).rejects.toThrow(/ended early/)
    await expect(quantize(MODEL, { to, statistics: MODEL })).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(quantize(MODEL, { to, statistics: statistics!, rules: ['first:1=keep'] })).resolves.toBeDefined()
  })
})
