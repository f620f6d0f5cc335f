import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const MODEL = join(DEMO, 'model.onnx')
const IMAGES = join(DEMO, 'test-images.npz')
const folder = lineFolder()
let count = 0
const output = (): string => join(folder.path, `static-${count++}.onnx`)

describe('int8-static', () => {
  test('a convolutional classifier runs in integers and still answers the same', async () => {
    const report = await quantize(MODEL, output(), { to: 'int8-static', calib: IMAGES, samples: 80 })
    expect(report.verdict).toMatchObject({ status: 'proven', data: 'given', samples: 20 })
    expect(report.verdict?.outputs[0]?.top1Agreement).toBeGreaterThanOrEqual(0.98)
    expect(report.warnings.join('\n')).toMatch(/held back/)
    expect(report.warnings.join('\n')).toMatch(/100.0 % of the multiply-adds/)
    const integer = report.decisions.filter(
      ({ lowering }) => lowering === 'onnx/qdq' || lowering === 'onnx/conv-integer',
    )
    expect(integer.length).toBeGreaterThan(2)
    for (const { because, sqnrDb } of integer) {
      expect(because.text).toMatch(/ranges of 60 samples/)
      expect(sqnrDb).toBeGreaterThan(30)
    }
    expect(report.points.length).toBeGreaterThan(2)
    for (const point of report.points) expect(point.scale).toBeGreaterThan(0)
  })

  test('the same bytes again, whatever the number of threads', async () => {
    const hashes = new Set<string>()
    for (const threads of [1, 2]) {
      const report = await quantize(MODEL, output(), {
        to: 'int8-static',
        calib: IMAGES,
        samples: 24,
        threads,
        hashes: true,
      })
      hashes.add(report.output?.sha256 as string)
    }
    expect(hashes.size).toBe(1)
  })

  test('without data: synthetic inputs, and it says so', async () => {
    const report = await quantize(MODEL, output(), { to: 'int8-static', force: true, samples: 8 })
    expect(report.verdict?.data).toBe('synthetic')
    expect(report.decisions.some(({ because }) => /synthetic inputs/.test(because.text))).toBe(true)
  })

  test('a layer that a rule keeps stays float', async () => {
    const report = await quantize(MODEL, output(), {
      to: 'int8-static',
      calib: IMAGES,
      samples: 40,
      rules: ['first:1=keep'],
    })
    expect(report.decisions.filter(({ because }) => because.code === 'kept-by-rule')).toHaveLength(1)
    expect(report.decisions.some(({ lowering }) => lowering === 'onnx/qdq')).toBe(true)
  })

  test('what contradicts it is refused', async () => {
    const refuse = (options: object, words: RegExp) => expect(quantize(MODEL, output(), options)).rejects.toThrow(words)
    await refuse({ to: 'int8-static', lowering: 'expand' }, /contradict/)
    await refuse({ to: 'int8', calibrator: 'mse' }, /belongs to --to int8-static/)
    await refuse({ to: 'int8-static', calib: join(DEMO, 'none.npz') }, /no such file/)
  })
})
