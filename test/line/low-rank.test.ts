import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import type { Report } from '../../src/model/report.ts'
import { dequantize } from '../../src/pipeline/dequantize-file.node.ts'
import { quantize as quantizeBytes } from '../../src/pipeline/quantize-bytes.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'
import { transformer } from '../fixtures/transformer.ts'

const folder = lineFolder()
const [WORDS, LENGTH] = [64, 12]
let count = 0
const output = (): string => join(folder.path, `low-rank-${count++}.onnx`)
const ids = (samples: number, step: number): BigInt64Array =>
  BigInt64Array.from({ length: samples * LENGTH }, (_, i) => BigInt((i * step + (i % 7) * (i % 5)) % WORDS))
const calib = join(folder.path, 'calib.npz')
const bytes = new Uint8Array(ids(24, 11).buffer)
writeFileSync(calib, writeNpz(new Map([['ids', { dtype: 'i64', shape: [24, LENGTH], data: bytes }]])))

const input = folder.write('model.onnx', transformer({ layers: 2, width: 32, heads: 4, inner: 64, words: WORDS }))
const LINEAR = ['q', 'k', 'v', 'o', 'up', 'down'].flatMap((name) => [0, 1].map((i) => `layer.${i}.${name}.weight`))

async function made(options: FileOptions): Promise<{ path: string; report: Report; error: number }> {
  const path = output()
  const report = await quantize(await input, path, {
    to: 'int2-block16-asym',
    everything: true,
    noVerify: true,
    ...options,
  })
  return { path, report, error: await errorOf(path) }
}

async function errorOf(path: string): Promise<number> {
  const feeds = { ids: [[8, LENGTH], ids(8, 17), 'i64'] as const }
  const float = await runFile(await input, feeds as never, false)
  const found = await runFile(path, feeds as never, true)
  return relativeError(float.get('logits') as Float32Array, found.get('logits'))
}

const decisionOf = (report: Report, tensor: string) => report.decisions.find((one) => one.tensor === tensor)

describe('without data', () => {
  test('a rank that is given: less error, its bytes counted, and a reason for every weight', async () => {
    const plain = await made({ solver: 'search' })
    const better = await made({ solver: 'search', transform: 'low-rank=6' })
    expect(better.error).toBeLessThan(0.85 * plain.error)
    let bytes = 0
    for (const name of LINEAR) {
      const decision = decisionOf(better.report, name)
      expect(decision?.corrections).toContain('low rank 6')
      expect(decision?.because.text).toMatch(
        /low-rank correction, rank 6 in 4 bits: takes \d+(\.\d)? % of the error for /,
      )
      bytes += decision!.bytesAfter - decisionOf(plain.report, name)!.bytesAfter
    }
    const head = decisionOf(better.report, 'head.weight')!
    bytes += head.bytesAfter - decisionOf(plain.report, 'head.weight')!.bytesAfter
    expect(head.because.text).toContain('low-rank correction')
    const grown = better.report.output!.bytes - plain.report.output!.bytes
    expect(Math.abs(grown - bytes)).toBeLessThan(0.2 * grown)
    expect(decisionOf(better.report, 'embedding')?.because.text ?? '').not.toMatch(/rank \d/)
  })

  test('what does not pay is left, and the decision says what it would have taken', async () => {
    const { report } = await made({ to: 'int4-block16-asym', solver: 'search', transform: 'low-rank' })
    const texts = LINEAR.map((name) => decisionOf(report, name)?.because.text)
    for (const text of texts) expect(text).toMatch(/no low-rank correction: /)
  })

  test('behind hqq, and for values that are expanded when a session is made', async () => {
    const options: FileOptions = { to: 'int2-block16-asym', solver: 'hqq' }
    const [plain, better] = [await made(options), await made({ ...options, transform: 'low-rank=6' })]
    expect(better.error).toBeLessThan(0.9 * plain.error)
    expect(decisionOf(better.report, 'layer.0.up.weight')?.solver).toBe('hqq')
    const expanded: FileOptions = { solver: 'search', lowering: 'expand', transform: 'low-rank=6' }
    const other = await made(expanded)
    expect(other.error).toBeLessThan(0.95 * (await made({ ...expanded, transform: 'none' })).error)
  })

  test('the proof reads it back, the same bytes in memory, and it becomes plain float again', async () => {
    const { path, report } = await made({
      solver: 'search',
      transform: 'low-rank=4',
      noVerify: false,
      force: true,
      attempts: 1,
    })
    expect(report.verdict?.outputs.length).toBeGreaterThan(0)
    const { files } = await quantizeBytes(readFileSync(await input), {
      ...{ to: 'int2-block16-asym', everything: true, noVerify: true, solver: 'search', transform: 'low-rank=4' },
    })
    expect(Buffer.compare(readFileSync(path), [...files.values()][0]!)).toBe(0)
    const float = output()
    await dequantize(path, float, { noVerify: true })
    expect(Math.abs((await errorOf(float)) - (await errorOf(path)))).toBeLessThan(1e-4)
  })
})

describe('with data', () => {
  test('behind awq and gptq: less error than codes alone, and the next layers go by it', async () => {
    const options: FileOptions = { calib, solver: 'gptq' }
    const plain = await made(options)
    const better = await made({ ...options, transform: 'low-rank=6' })
    expect(better.error).toBeLessThan(0.9 * plain.error)
    for (const name of LINEAR) expect(decisionOf(better.report, name)?.because.text).toMatch(/second moments.*rank 6/)
    const both = await made({ ...options, transform: 'awq,low-rank=6' })
    expect(decisionOf(both.report, 'layer.1.up.weight')?.because.text).toMatch(/activation-aware.*rank 6/)
    expect(both.error).toBeLessThan(plain.error)
  })

  test('a share of the bytes bounds the rank', async () => {
    const { report } = await made({ calib, solver: 'gptq', transform: 'low-rank=80%' })
    const rank = (name: string): number =>
      Number(/rank (\d+) in/.exec(decisionOf(report, name)!.because.text)?.[1] ?? 0)
    expect(rank('layer.0.up.weight')).toBeGreaterThan(rank('layer.0.q.weight'))
  })

  test('statistics keep it: the same bytes without data, here and in memory', async () => {
    const statistics = join(folder.path, 'low-rank.stats')
    const options: FileOptions = { solver: 'gptq', transform: 'low-rank=6', statistics }
    const first = await made({ ...options, calib })
    const again = await made(options)
    expect(Buffer.compare(readFileSync(first.path), readFileSync(again.path))).toBe(0)
    const { files } = await quantizeBytes(readFileSync(await input), {
      ...{ to: 'int2-block16-asym', everything: true, noVerify: true, solver: 'gptq', transform: 'low-rank=6' },
      statistics: readFileSync(statistics),
    })
    expect(Buffer.compare(readFileSync(first.path), [...files.values()][0]!)).toBe(0)
    await expect(made({ ...options, transform: 'low-rank=5' })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

test.each([
  ['int8', 'low-rank'],
  ['fp16', 'low-rank'],
  ['int4-weights', 'low-rank=0'],
  ['int4-weights', 'low-rank=2.5'],
  ['int4-weights', 'low-rank=101%'],
  ['int4-weights', 'low-rank=x'],
  ['int4-weights', 'low-rank,low-rank=2'],
])('--to %s --transform %s is refused before any work', async (to, transform) => {
  await expect(quantize('nowhere.onnx', output(), { to, transform })).rejects.toMatchObject({ code: 'E_USAGE' })
  await expect(quantizeBytes(new Uint8Array(8), { to, transform })).rejects.toMatchObject({ code: 'E_USAGE' })
})
