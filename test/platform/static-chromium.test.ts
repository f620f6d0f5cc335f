import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { sampleDigest } from '../../src/calibration/sample-digest.ts'
import { openSamples } from '../../src/calibration/samples.node.ts'
import { readStatistics } from '../../src/calibration/statistics-file.ts'
import type { Statistics } from '../../src/model/statistics.ts'
import { type BytesResult, quantize } from '../../src/pipeline/quantize-bytes.ts'
import { quantize as quantizeFile } from '../../src/pipeline/quantize-file.node.ts'
import { ortRuntime } from '../../src/runtime/ort.ts'
import { encodeModel } from '../fixtures/build.ts'
import { convNet, inputsNpz } from '../fixtures/conv-net.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { pageFiles } from './bundle.ts'
import { findChromium, needChromium, type OpenPage, openPage } from './chromium.ts'
import { type Served, serve } from './serve.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const MODEL = readFileSync(join(DEMO, 'model.onnx'))
const IMAGES = readFileSync(join(DEMO, 'test-images.npz'))

describe('static integers in Chromium', () => {
  let served: Served
  let opened: OpenPage | undefined
  let here: BytesResult
  let inNode: string | undefined
  let weightsInNode: string | undefined
  let fitted: Statistics
  const pictures = new Map<string, Uint8Array>()

  beforeAll(async () => {
    here = await quantize(MODEL, {
      to: 'int8-static',
      calib: [new File([IMAGES], 'test-images.npz')],
      runtime: ortRuntime(ort, 'onnxruntime-node'),
    })
    for (let i = 0; i < 8; i++) {
      const data = Uint8Array.from({ length: 41 * 33 * 3 }, (_, at) => (at * at * (i + 5)) % 251)
      const png = sharp(data, { raw: { width: 41, height: 33, channels: 3 } }).png()
      pictures.set(`/photo-${i}.png`, new Uint8Array(await png.toBuffer()))
    }
    const home = lineFolder().path
    const [net, data] = [await encodeModel(convNet()), join(home, 'data.npz')]
    writeFileSync(join(home, 'net.onnx'), net)
    writeFileSync(data, inputsNpz(24, 1))
    const statistics = join(home, 'net.statistics')
    const report = await quantizeFile(join(home, 'net.onnx'), join(home, 'out.onnx'), {
      ...{ to: 'int8-static', calib: data, statistics, transform: 'equalize', force: true, hashes: true },
    })
    inNode = report.output?.sha256
    const weights = join(home, 'weights.statistics')
    const fewBits = await quantizeFile(join(home, 'net.onnx'), join(home, 'out.onnx'), {
      ...{ to: 'int4-channel-sym', solver: 'gptq', calib: data, statistics: weights, force: true, hashes: true },
    })
    weightsInNode = fewBits.output?.sha256
    fitted = await readStatistics(memorySource(readFileSync(statistics), statistics))
    const files = {
      '/net.onnx': net,
      '/net.statistics': readFileSync(statistics),
      '/weights.statistics': readFileSync(weights),
      '/model.onnx': MODEL,
      '/images.npz': IMAGES,
      '/model.statistics': here.statistics!,
      ...Object.fromEntries(pictures),
    }
    served = await serve(await pageFiles(files, 'test/platform/page-static.ts'))
    const executable = findChromium()
    if (executable !== undefined) opened = await openPage(executable, served.address)
  })

  afterAll(async () => {
    await opened?.browser.close()
    await served?.close()
  })

  /** Of the same pictures as files. */
  const digestsInNode = async (): Promise<string[]> => {
    const folder = mkdtempSync(join(tmpdir(), 'tersor-pictures-'))
    try {
      for (const [name, bytes] of pictures) writeFileSync(join(folder, name), bytes)
      const { inputs } = await ortRuntime(ort, 'onnxruntime-node').open({ bytes: MODEL }, { optimized: false })
      const set = await openSamples(folder, inputs, { preprocess: 'unit' })
      const digests: string[] = []
      for (let i = 0; i < set.count; i++) digests.push(await sampleDigest((await set.at(i)).feeds))
      return digests
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  const pageFor = (context: Parameters<typeof needChromium>[0]): Page => {
    needChromium(context)
    return (opened as OpenPage).page
  }

  test('the same statistics give the bytes of Node, with no onnxruntime at all', async (context) => {
    const found = await pageFor(context).evaluate(() => staticPage.fromStatistics('/model.onnx', '/model.statistics'))
    const [bytes] = here.files.values()
    expect(found.sha256).toBe(createHash('sha256').update(bytes!).digest('hex'))
    expect(found.statistics).toBe(here.report.statistics?.sha256)
    expect(opened?.asked.some((address) => address.includes('/ort/'))).toBe(false)
  })

  test('a file of the command line gives its bytes, with all that was chosen and fitted by running the model', async (context) => {
    const found = await pageFor(context).evaluate(() =>
      staticPage.fromStatistics('/net.onnx', '/net.statistics', { transform: 'equalize' }),
    )
    expect([...(fitted.arrays?.keys() ?? [])].some((name) => name.includes('/codes/'))).toBe(true)
    expect([...(fitted.choices?.values() ?? [])]).toContainEqual(expect.objectContaining({ transform: 'equalize' }))
    expect(found.sha256).toBe(inNode)
    expect(found.warnings.join('\n')).not.toMatch(/nothing was run/)
  })

  test('codes that Node found on data give its bytes, with no onnxruntime', async (context) => {
    const found = await pageFor(context).evaluate(() =>
      staticPage.fromStatistics('/net.onnx', '/weights.statistics', { to: 'int4-channel-sym', solver: 'gptq' }),
    )
    expect(found.sha256).toBe(weightsInNode)
    expect(opened?.asked.some((address) => address.includes('/ort/'))).toBe(false)
  })

  test('statistics are collected, and the result is proven, with the onnxruntime of the page', async (context) => {
    const found = await pageFor(context).evaluate(() => staticPage.collected('/model.onnx', ['/images.npz']))
    expect(found.verdict).toMatchObject({ status: 'proven', data: 'given', samples: 32 })
    expect(found.labels).toHaveLength(96)
    expect(new Set(found.digests).size).toBe(96)
    expect(found.ranges.length).toBeGreaterThan(2)
    expect(found.bytes).toBeLessThan(MODEL.length * 0.4)
  })

  test('what a session of onnxruntime-web was fed is calibrated on', async (context) => {
    const found = await pageFor(context).evaluate(() => staticPage.recorded('/model.onnx', 20))
    expect(found.outputs).toBeGreaterThan(0)
    expect(found.because.some((text) => /ranges of 20 samples/.test(text))).toBe(true)
  })

  test('pictures that lose nothing have the values that Node gives them', async (context) => {
    const names = [...pictures.keys()]
    const found = await pageFor(context).evaluate((list) => staticPage.collected('/model.onnx', list, 'unit'), names)
    const digests = await digestsInNode()
    expect(found.digests).toEqual(digests.filter((_, index) => index % 4 !== 3))
    expect(found.labels[0]).toBe(names[0]!.slice(1))
  })

  test('asks nothing but this server, and the console stays empty', (context) => {
    pageFor(context)
    expect(opened?.said).toEqual([])
    expect(opened?.asked.filter((address) => !address.startsWith(`${served.address}/`))).toEqual([])
  })
})
