import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CompareOptions, compare } from '../../src/pipeline/compare-file.node.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const LABELS = join(DEMO, 'labels.csv')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-metric-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const onDigits = (options: FileOptions) =>
  quantize(join(DEMO, 'model.onnx'), join(folder, `${count++}.onnx`), {
    to: 'int8-weights',
    eval: join(DEMO, 'test-images.npz'),
    ...options,
  })
const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('labels', () => {
  test('give accuracy before and after, and pictures to look at', async () => {
    const { verdict } = await onDigits({ labels: LABELS, samples: 540 })
    expect(verdict).toMatchObject({
      status: 'proven',
      metric: { name: 'top1', float: 537 / 540, samples: 540 },
      threshold: { metric: 'top1Agreement' },
    })
    const { quantized, float, loss } = (verdict?.metric ?? {}) as Record<string, number>
    expect(quantized).toBeGreaterThan(0.985)
    expect(loss).toBeCloseTo((float! - quantized!) / float!, 12)
    expect(verdict?.examples).toHaveLength(20)
    const wrong = verdict?.examples?.filter((one) => one.quantized !== one.expected) ?? []
    expect(verdict?.examples?.slice(0, wrong.length)).toEqual(wrong)
    const truth = readFileSync(LABELS, 'utf8').trim().split('\n').slice(1)
    for (const { sample, expected } of verdict?.examples ?? []) expect(truth[sample]).toBe(`${sample},${expected}`)
  })

  test('stay with their samples when only a part is run', async () => {
    const { verdict } = await onDigits({ labels: LABELS, samples: 50 })
    expect(verdict?.metric).toMatchObject({ samples: 50 })
    expect(verdict?.metric?.float).toBeGreaterThan(0.95)
  })

  test('decide with --max-loss', async () => {
    const { verdict, output } = await onDigits({
      to: 'int2-weights',
      labels: LABELS,
      samples: 540,
      maxLoss: 0,
      attempts: 1,
      force: true,
    })
    expect(verdict).toMatchObject({ status: 'refused', threshold: { metric: 'loss', value: 0 } })
    expect(verdict?.threshold?.found).toBe(verdict?.metric?.loss)
    expect(output?.files).toHaveLength(1)
  })

  test('that are not there for all samples are counted', async () => {
    const labels = file('few.csv', 'index,label\n0,3\n1,1\n2,-1\n539,4\n')
    const { verdict, warnings } = await onDigits({ labels, samples: 540 })
    expect(verdict?.metric).toMatchObject({ samples: 3 })
    expect(warnings).toContainEqual(expect.stringMatching(/^537 of 540 answers have no label in /))
  })

  test.each<[string, FileOptions, string, string]>([
    ['a folder', { labels: DEMO }, 'E_USAGE', 'is a folder'],
    ['names of classes without labels', { classes: LABELS }, 'E_USAGE', 'for labels'],
    ['nothing there', { labels: '/nowhere.csv' }, 'E_USAGE', 'no such file'],
    ['no text', { labels: join(DEMO, 'model.onnx') }, 'E_FORMAT', 'model.onnx'],
    [
      'other data',
      { labels: LABELS, eval: undefined as never, calib: join(DEMO, 'test-images.npz'), metric: 'kl' },
      'E_USAGE',
      'no use for labels',
    ],
    ['no data', { labels: LABELS, eval: undefined as never }, 'E_USAGE', 'labels need the data'],
    ['no proof', { labels: LABELS, noVerify: true }, 'E_USAGE', 'which is skipped'],
    ['an unknown metric', { metric: 'cosin' }, 'E_USAGE', 'unknown metric'],
    ['boxes of a classifier', { metric: 'boxes', samples: 2 }, 'E_USAGE', 'no pair of outputs'],
    ['bits of a classifier', { metric: 'bits', samples: 2 }, 'E_USAGE', 'ids as an input'],
    ['a metric without loss', { metric: 'snr', maxLoss: 0.1 }, 'E_USAGE', 'no value for float'],
    ['a metric that does not fit', { metric: 'psnr', samples: 2 }, 'E_USAGE', 'the metric psnr'],
  ])('%s is refused', async (_, options, code, text) => {
    await expect(onDigits(options)).rejects.toMatchObject({ code, message: expect.stringContaining(text) })
  })
})

describe('a metric', () => {
  test.each([
    ['kl', 'kl'],
    ['cosine', 'cosine'],
    ['snr', 'sqnrDb'],
    ['top1', 'likelyAgreement'],
  ])('%s decides by %s', async (metric, decided) => {
    const { verdict } = await onDigits({ metric, samples: 20 })
    expect(verdict).toMatchObject({ status: 'proven', threshold: { metric: decided } })
  })

  test('of the user is averaged over the samples of both models, with labels', async () => {
    const metric = file(
      'margin.mjs',
      `export const higherIsBetter = false
       export default ({ logits }, sample, label) => {
         if (sample.feeds.image.shape.join() !== '1,1,8,8') throw new Error('not a picture')
         return Math.max(...logits.data) - logits.data[label]
       }`,
    )
    const { verdict } = await onDigits({ metric, labels: LABELS, samples: 540, maxLoss: 0.5 })
    expect(verdict).toMatchObject({
      metric: { name: 'margin', samples: 540 },
      threshold: { metric: 'loss', value: 0.5 },
    })
    expect(verdict?.metric?.float).toBeGreaterThan(0)
    expect(verdict?.metric?.float).not.toBe(verdict?.metric?.quantized)
  })

  test.each([
    ['default.mjs', 'export default 3', 'has no function'],
    ['sign.mjs', 'export default () => 1; export const higherIsBetter = 1', 'expected a boolean'],
    ['broken.mjs', 'export default (', 'does not load'],
    ['throws.mjs', 'export default () => { throw new Error("mine") }', 'failed on'],
  ])('%s is a usage error', async (name, source, message) => {
    await expect(onDigits({ metric: file(name, source), samples: 2 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining(message),
    })
  })
})

describe('two files side by side', () => {
  const both = async (options: CompareOptions) => {
    const small = join(folder, 'small.onnx')
    await quantize(join(DEMO, 'model.onnx'), small, { to: 'int2-weights', noVerify: true, force: true })
    return compare(join(DEMO, 'model.onnx'), small, { eval: join(DEMO, 'test-images.npz'), samples: 540, ...options })
  }

  test('accuracy of each, and the loss that was asked about', async () => {
    const { metric, thresholds } = await both({ labels: LABELS, maxLoss: 0 })
    expect(metric).toMatchObject({ name: 'top1', a: 537 / 540 })
    expect(metric?.b).toBeLessThan(537 / 540)
    expect(thresholds).toMatchObject([{ metric: 'loss', value: 0, met: false }])
    expect(thresholds[0]?.found).toBeCloseTo(((metric?.a ?? 0) - (metric?.b ?? 0)) / (metric?.a ?? 1), 12)
  })

  test('a loss of the cosine', async () => {
    const { thresholds, outputs } = await both({ metric: 'cosine', maxLoss: 0.5, samples: 10 })
    expect(thresholds).toMatchObject([{ metric: 'loss', met: true }])
    expect(thresholds[0]?.found).toBeCloseTo(1 - (outputs[0]?.cosine ?? 0), 12)
  })

  test('a metric that would change nothing is refused', async () => {
    await expect(both({ metric: 'kl' })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})
