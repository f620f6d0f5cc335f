import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BytesResult, quantize } from '../../src/pipeline/quantize-bytes.ts'
import { ortRuntime } from '../../src/runtime/ort.ts'
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

  beforeAll(async () => {
    here = await quantize(MODEL, {
      to: 'int8-static',
      calib: [new File([IMAGES], 'test-images.npz')],
      runtime: ortRuntime(ort, 'onnxruntime-node'),
    })
    const files = { '/model.onnx': MODEL, '/images.npz': IMAGES, '/model.statistics': here.statistics! }
    served = await serve(await pageFiles(files, 'test/platform/page-static.ts'))
    const executable = findChromium()
    if (executable !== undefined) opened = await openPage(executable, served.address)
  })

  afterAll(async () => {
    await opened?.browser.close()
    await served?.close()
  })

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

  test('statistics are collected, and the result is proven, with the onnxruntime of the page', async (context) => {
    const found = await pageFor(context).evaluate(() => staticPage.collected('/model.onnx', ['/images.npz']))
    expect(found.verdict).toMatchObject({ status: 'proven', data: 'given', samples: 32 })
    expect(found.labels).toHaveLength(96)
    expect(new Set(found.digests).size).toBe(96)
    expect(found.ranges.length).toBeGreaterThan(2)
    expect(found.bytes).toBeLessThan(MODEL.length * 0.4)
  })

  test('asks nothing but this server, and the console stays empty', (context) => {
    pageFor(context)
    expect(opened?.said).toEqual([])
    expect(opened?.asked.filter((address) => !address.startsWith(`${served.address}/`))).toEqual([])
  })
})
