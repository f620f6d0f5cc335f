import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { variants } from '../../src/pipeline/variants/variants.node.ts'
import { encodeModel } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { transformer } from '../fixtures/transformer.ts'
import { pageFiles } from './bundle.ts'
import { findChromium, needChromium, type OpenPage, openPage } from './chromium.ts'
import type {} from './page-variants.ts'
import { type Served, serve } from './serve.ts'

const WORDS = 96
const TOKENS = Array.from({ length: 12 }, (_, i) => (i * i * 5 + 3) % WORDS)
const folder = lineFolder().path

interface Scored {
  readonly file: string
  readonly scores: readonly number[]
}

describe('a folder of variants in Chromium', () => {
  let served: Served
  let opened: OpenPage | undefined
  let config: Readonly<Record<string, unknown>>
  const written: string[] = []

  beforeAll(async () => {
    const source = join(folder, 'source')
    mkdirSync(join(source, 'onnx'), { recursive: true })
    const model = transformer({ layers: 2, width: 64, heads: 2, inner: 128, words: WORDS })
    writeFileSync(join(source, 'onnx', 'model.onnx'), await encodeModel(model))
    writeFileSync(join(source, 'config.json'), '{}')
    const out = join(folder, 'out')
    const report = await variants(source, out, { set: 'fp32,q8,fp16,q4,q4f16', shardSize: 65_536, noVerify: true })
    written.push(...report.variants.flatMap(({ file }) => file ?? []))
    config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))['transformers.js_config']
    const names = readdirSync(join(out, 'onnx'))
    served = await serve(
      await pageFiles(
        Object.fromEntries(names.map((name) => [`/onnx/${name}`, readFileSync(join(out, 'onnx', name))])),
        'test/platform/page-variants.ts',
      ),
    )
    const executable = findChromium()
    if (executable !== undefined) opened = await openPage(executable, served.address)
  })

  afterAll(async () => {
    await opened?.browser.close()
    await served?.close()
  })

  test('every file loads in onnxruntime-web, with its data files, and says what it says in Node', async (context) => {
    needChromium(context)
    const chunks = config.use_external_data_format as Readonly<Record<string, number | true>>
    const files = written.map((file) => ({ file, chunks: Number(chunks[file.replace('onnx/', '')] ?? 0) }))
    expect(files).toHaveLength(5)
    expect(files.some((one) => one.chunks > 1)).toBe(true)
    const there: Scored[] = []
    for (const one of files) {
      const scores = await opened!.page.evaluate(([asked, tokens]) => tersorVariants.scoresOf(asked, tokens), [
        one,
        TOKENS,
      ] as const)
      there.push({ file: one.file, scores })
    }
    const float = await inNode('onnx/model.onnx')
    for (const { file, scores } of there) {
      expect(cosine(scores, await inNode(file)), file).toBeGreaterThan(0.9999)
      expect(cosine(scores, float), file).toBeGreaterThan(0.97)
    }
  })
})

async function inNode(file: string): Promise<readonly number[]> {
  const session = await ort.InferenceSession.create(join(folder, 'out', file))
  const ids = new ort.Tensor('int64', BigInt64Array.from(TOKENS, BigInt), [1, TOKENS.length])
  const { logits } = await session.run({ ids })
  return Array.from(logits!.data as Float32Array)
}

function cosine(a: readonly number[], b: readonly number[]): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (const [i, x] of a.entries()) {
    ab += x * b[i]!
    aa += x * x
    bb += b[i]! * b[i]!
  }
  return ab / Math.sqrt(aa * bb)
}
