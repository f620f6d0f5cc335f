import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleForBrowser, pageFiles } from './bundle.ts'
import { findChromium, needChromium, type OpenPage, openPage } from './chromium.ts'
import { type Served, serve } from './serve.ts'

const MODEL = readFileSync(join(import.meta.dirname, '..', '..', 'demo', 'model.onnx'))

describe('the browser entry', () => {
  test('bundles for a browser: nothing of Node is reached', async () => {
    const { bytes, meta } = await bundleForBrowser('src/index.ts')
    const inputs = Object.keys(meta.inputs)
    expect(inputs).toContain('src/pipeline/quantize-bytes.ts')
    expect(
      inputs.filter((path) => path.endsWith('.node.ts') || !/^(src|node_modules\/(fflate|valibot))\//.test(path)),
    ).toEqual([])
    expect(Object.values(meta.outputs)[0]?.imports.filter(({ external }) => external)).toEqual([])
    expect(new TextDecoder().decode(bytes)).not.toMatch(/\bfrom\s*["']node:|import\(["']node:/)
  })

  test('the check can fail: the Node entry does not bundle', async () => {
    await expect(bundleForBrowser('src/node.ts')).rejects.toThrow('node:')
  })
})

describe('finding Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-chromium-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const context = {
    skip: (note?: unknown): never => {
      throw new Error(`skipped: ${note}`)
    },
  } as never

  test('CHROMIUM wins, then the PATH', () => {
    const path = join(folder, 'chromium-browser')
    writeFileSync(path, '#!/bin/sh\n')
    chmodSync(path, 0o755)
    expect(findChromium({ CHROMIUM: path, PATH: '' })).toBe(path)
    expect(findChromium({ PATH: folder })).toBe(path)
    expect(findChromium({ CHROMIUM: join(folder, 'none'), PATH: folder })).toBeUndefined()
  })

  test('without one, tests are skipped with the way to get it; under CI=true they fail', () => {
    const none = { CHROMIUM: join(folder, 'none') }
    const told: string[] = []
    const tell = (text: string) => void told.push(text)
    expect(() => needChromium(context, none, tell)).toThrow(/^skipped: no Chromium.*apt-get install chromium.*CHROMIUM/)
    expect(() => needChromium(context, { ...none, CI: 'true' }, tell)).toThrow(/^no Chromium/)
    expect(told).toEqual([expect.stringMatching(/^browser tests are skipped: no Chromium/)])
  })
})

describe('in Chromium', () => {
  let served: Served
  let opened: OpenPage | undefined

  beforeAll(async () => {
    served = await serve(
      await pageFiles({
        '/model.onnx': MODEL,
        '/archive.onnx': Uint8Array.of(0x50, 0x4b, 3, 4, ...new Array(60).fill(0)),
        '/cut.onnx': MODEL.subarray(0, 200_000),
      }),
    )
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

  test.for(['int8-weights', 'int8', 'int4-weights', 'fp16-weights'])(
    'onnxruntime-web proves the demo model as %s',
    async (to, context) => {
      const result = await pageFor(context).evaluate((what) => tersorPage.proofOf('/model.onnx', { to: what }), to)
      expect(result.verdict).toMatchObject({ status: 'plausible', data: 'synthetic' })
      expect(result.verdict?.outputs[0]).toMatchObject({ name: 'logits', nonFinite: 0 })
      expect(result.verdict?.unfused?.outputs).toHaveLength(1)
      expect(result.runtime).toMatchObject({ name: 'onnxruntime-web', version: '1.30.0' })
      expect(result.files[0]?.[1]).toBeLessThan(MODEL.length * 0.6)
      expect(result.phases).toEqual(expect.arrayContaining(['load', 'quantize', 'verify']))
    },
  )

  test('a refused result gives no bytes', async (context) => {
    const result = await pageFor(context).evaluate(() =>
      tersorPage.proofOf('/model.onnx', { to: 'int2-weights', minCosine: 0.999999 }),
    )
    expect(result.verdict).toMatchObject({ status: 'refused', threshold: { metric: 'cosine', value: 0.999999 } })
    expect(result.files).toEqual([])
  })

  test('what goes wrong is a TersorError with code and hint', async (context) => {
    const open = pageFor(context)
    const failure = (path: string, to: string) =>
      open.evaluate(([model, what]) => tersorPage.failureOf(model!, what!), [path, to])
    expect(await failure('/archive.onnx', 'int8')).toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringMatching(/zip/i),
    })
    expect(await failure('/cut.onnx', 'int8')).toMatchObject({ code: 'E_FORMAT' })
    expect(await failure('/model.onnx', 'int8-wieghts')).toMatchObject({
      code: 'E_USAGE',
      hint: expect.stringMatching(/int8-weights/),
    })
  })

  test('asks nothing but this server, and the console stays empty', (context) => {
    pageFor(context)
    expect(opened?.said).toEqual([])
    expect(opened?.asked.length).toBeGreaterThan(4)
    expect(opened?.asked.filter((address) => !address.startsWith(`${served.address}/`))).toEqual([])
  })
})
