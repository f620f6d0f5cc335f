import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import type { Model } from '../../src/model/graph.ts'
import type { StageEvent } from '../../src/model/tools.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { f32 } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'
import { transformer } from '../fixtures/transformer.ts'

const folder = lineFolder()
const [WORDS, LENGTH] = [64, 12]
let count = 0
const output = (): string => join(folder.path, `awq-${count++}.onnx`)
const ids = (samples: number, step: number): BigInt64Array =>
  BigInt64Array.from({ length: samples * LENGTH }, (_, i) => BigInt((i * step + (i % 7) * (i % 5)) % WORDS))

const calib = join(folder.path, 'calib.npz')
const bytes = new Uint8Array(ids(24, 11).buffer)
writeFileSync(calib, writeNpz(new Map([['ids', { dtype: 'i64', shape: [24, LENGTH], data: bytes }]])))

/** Some channels behind norms are large, as in trained models. */
function model(): Model {
  const made = transformer({ layers: 2, width: 32, heads: 4, inner: 64, words: WORDS })
  const gains = Array.from({ length: 32 }, (_, i) => (i % 13 === 5 ? 9 : 1))
  const initializers = made.graph.initializers.map((one) =>
    /norm\d\.weight$/.test(one.name) ? f32(one.name, [32], gains) : one,
  )
  return { ...made, graph: { ...made.graph, initializers } }
}
const input = folder.write('awq.onnx', model())

async function made(
  options: FileOptions,
): Promise<{ path: string; error: number; reasons: ReadonlyMap<string, string> }> {
  const path = output()
  const { decisions } = await quantize(await input, path, { to: 'int4-block32-sym', calib, noVerify: true, ...options })
  const feeds = { ids: [[8, LENGTH], ids(8, 17), 'i64'] as const }
  const float = await runFile(await input, feeds as never, false)
  const found = await runFile(path, feeds as never, true)
  return {
    path,
    error: relativeError(float.get('logits') as Float32Array, found.get('logits')),
    reasons: new Map(decisions.map(({ tensor, because }) => [tensor, because.text])),
  }
}

test('--transform awq: less error, a reason for every weight, the same bytes with any number of threads', async () => {
  const plain = await made({ solver: 'nearest' })
  const aware = await made({ solver: 'nearest', transform: 'awq', threads: 1 })
  expect(aware.error).toBeLessThan(0.98 * plain.error)
  for (const name of ['q', 'k', 'v', 'up', 'o', 'down'])
    expect(aware.reasons.get(`layer.0.${name}.weight`)).toContain('activation-aware scaling')
  expect(aware.reasons.get('layer.0.q.weight')).toMatch(/exponent 0\.\d+, folded into LayerNormalization gain/)
  expect(aware.reasons.get('head.weight')).toContain('no activation-aware scaling: ')
  const threads = await made({ solver: 'nearest', transform: 'awq', threads: 2 })
  expect(Buffer.compare(readFileSync(threads.path), readFileSync(aware.path))).toBe(0)
})

test('codes found on data behind it: the quantized prefix is that of the scaled model', async () => {
  const aware = await made({ solver: 'gptq', transform: 'awq' })
  const alone = await made({ solver: 'gptq' })
  expect(aware.error).toBeLessThan(1.15 * alone.error)
  expect(aware.reasons.get('layer.1.up.weight')).toMatch(/activation-aware scaling.*second moments/)
})

test('part of the data is held back to judge on', async () => {
  const { verdict, warnings } = await quantize(await input, output(), {
    ...{ to: 'int4-block32-sym', calib, solver: 'search', transform: 'awq', force: true },
  })
  expect(verdict?.samples).toBeLessThan(24)
  expect(warnings.join(' ')).not.toContain('nothing is fitted')
})

test('it can be stopped while exponents are tried', async () => {
  const stop = new AbortController()
  let after = 0
  const onEvent = ({ phase }: StageEvent): void => {
    if (phase !== 'transform') return
    if (stop.signal.aborted) after++
    stop.abort()
  }
  const stopped = made({ solver: 'nearest', transform: 'awq', signal: stop.signal, onEvent })
  await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
  expect(after).toBe(0)
})

test('where it has no meaning it is refused before any work', async () => {
  const refused = async (options: FileOptions) =>
    quantize(await input, output(), options).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    )
  expect(await refused({ to: 'int4-weights', transform: 'awq' })).toBe('E_USAGE')
  expect(await refused({ to: 'fp16', transform: 'awq', calib })).toBe('E_USAGE')
  expect(await refused({ to: 'int4-weights', transform: 'rotate,awq', calib })).toBe('E_USAGE')
  expect(await refused({ to: 'int4-weights', transform: 'equalize', calib })).toBe('E_USAGE')
  expect(await refused({ to: 'int4-weights', transform: 'awk', calib })).toBe('E_USAGE')
})
