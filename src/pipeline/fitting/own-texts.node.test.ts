import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { causalDecoder, WORDS } from '../../../test/fixtures/causal-decoder.ts'
import { lineFolder } from '../../../test/fixtures/line-folder.ts'
import { weight } from '../../../test/fixtures/line-models.ts'
import { writeNpz } from '../../calibration/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Model } from '../../model/graph.ts'
import type { StageEvent, Tools } from '../../model/tools.ts'
import { openModel } from '../open-model.node.ts'
import { Phases } from '../phases.ts'
import { type FileOptions, quantize } from '../quantize-file.node.ts'
import { prepare } from '../run.ts'
import { OwnTexts } from './own-texts.node.ts'

const folder = lineFolder()
const at = (name: string): string => join(folder.path, name)
let count = 0
const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }

/** Rows of tokens of texts that a model writes. */
async function written(path: string, options: { seed?: number; samples?: number } = {}, events: StageEvent[] = []) {
  const opened = await openModel(path)
  const prepared = await prepare(opened, tools, new Phases(() => undefined))
  const own = new OwnTexts(prepared, opened, options, { ...tools, notify: (event) => void events.push(event) })
  const found = await own.texts()
  if ('why' in found) return found.why
  const rows: number[][] = []
  for (let index = 0; index < found.texts.count; index++) {
    const { data } = (await found.texts.at(index)).feeds.input_ids!
    const bytes = (data as Uint8Array).slice()
    rows.push(Array.from(new BigInt64Array(bytes.buffer), Number))
  }
  return rows
}

async function made(path: string, options: FileOptions) {
  const output = at(`made-${count++}.onnx`)
  const report = await quantize(path, output, { attempts: 1, force: true, seed: 3, ...options })
  return { report, bytes: readFileSync(output) }
}

/** GPTQ alone: learning behind it is tested elsewhere, and takes a build. */
const OWN: FileOptions = { to: 'int2-weights', solver: 'gptq', effort: 'best', samples: 16 }
let plain: string
let cached: string

beforeAll(async () => {
  plain = await folder.write('plain.onnx', causalDecoder())
  cached = await folder.write('cached.onnx', causalDecoder({ past: true }))
})

describe('texts that a decoder writes', () => {
  test('are the same for the same seed and with caches, and others for another seed', async () => {
    const events: StageEvent[] = []
    const rows = (await written(plain, { samples: 4 }, events)) as number[][]
    expect(rows.map(({ length }) => length)).toEqual([128, 128, 128, 128])
    expect(new Set(rows.flat()).size).toBeGreaterThan(8)
    expect(rows.flat().every((token) => token >= 0 && token < WORDS)).toBe(true)
    expect(await written(plain, { samples: 4 })).toEqual(rows)
    expect(await written(plain, { samples: 4, seed: 1 })).not.toEqual(rows)
    const own = events.filter(({ phase }) => phase === 'write')
    expect(own.at(-1)).toMatchObject({ done: 4 * 128, total: 4 * 128 })
    // The last bits of scores may differ behind caches, the texts hardly do.
    expect((await written(cached, { samples: 4 })) as number[][]).toEqual(rows)
  })

  test('begin with the start token of the files beside the model, and again behind an end', async () => {
    writeFileSync(at('generation_config.json'), JSON.stringify({ bos_token_id: 5, eos_token_id: [7, 9] }))
    const rows = (await written(plain, { samples: 16 })) as number[][]
    rmSync(at('generation_config.json'))
    expect(rows.every(([first]) => first === 5)).toBe(true)
    const behind = rows.flatMap((row) =>
      row.flatMap((token, i) => (i > 0 && (token === 7 || token === 9) ? [row[i + 1] ?? 5] : [])),
    )
    expect(behind.length).toBeGreaterThan(0)
    expect(behind.every((token) => token === 5)).toBe(true)
  })

  test.each([
    ['what it says of a token depends on later ones', () => causalDecoder({ open: true })],
    ['what it writes is one or two tokens again and again', oneToken],
    ['it has no single input of token ids', floats],
  ])('are none where %s', async (why, model) => {
    expect(await written(await folder.write(`other-${count++}.onnx`, model()), { samples: 4 })).toBe(why)
  })
})

describe('--effort best without data', () => {
  test('is nearer to float than codes without data, says what it did, and proves nothing', async () => {
    const texts = (await written(plain, { samples: 16, seed: 77 })) as number[][]
    const ids = new Uint8Array(BigInt64Array.from(texts.flat(), BigInt).buffer)
    const file = at('eval.npz')
    writeFileSync(file, writeNpz(new Map([['input_ids', { dtype: 'i64', shape: [16, 128], data: ids }]])))
    const without = await made(plain, { to: 'int2-weights', eval: file })
    const judged = await made(plain, { ...OWN, eval: file })
    const kl = ({ report }: typeof without) => report.verdict!.language!.kl.mean
    expect(kl(judged)).toBeLessThan(0.8 * kl(without))
    expect(judged.report.warnings).toContain(
      'calibrated on texts that the model wrote itself: 16 of 128 tokens, seed 3',
    )
    const { report, bytes } = await made(plain, { ...OWN, maxKl: 100 })
    expect(bytes.equals(judged.bytes)).toBe(true)
    expect(report.verdict).toMatchObject({ status: 'plausible', data: 'synthetic', samples: 8 })
    expect(report.notes).toContain('judged on 8 other texts that the model wrote itself')
    expect(report.decisions.find(({ tensor }) => tensor === 'up.weight')).toMatchObject({ solver: 'gptq' })
  }, 180_000)

  test('gives the same bytes on any number of threads, and from its statistics', async () => {
    const one = await made(cached, { ...OWN, threads: 1 })
    const two = await made(cached, { ...OWN, threads: 2 })
    expect(two.bytes.equals(one.bytes)).toBe(true)
    const statistics = at('own.tersor-stats')
    const kept = await made(cached, { ...OWN, statistics })
    expect(kept.bytes.equals(one.bytes)).toBe(true)
    const events: StageEvent[] = []
    const again = await made(cached, { ...OWN, statistics, noVerify: true, onEvent: (event) => events.push(event) })
    expect(again.bytes.equals(one.bytes)).toBe(true)
    expect(events.some(({ phase }) => phase === 'write')).toBe(false)
  }, 180_000)

  test('changes nothing for other models, and says why', async () => {
    const path = await folder.write('open.onnx', causalDecoder({ open: true }))
    const without = await made(path, { to: 'int4-weights' })
    const best = await made(path, { to: 'int4-weights', effort: 'best' })
    expect(best.bytes.equals(without.bytes)).toBe(true)
    expect(best.report.warnings).toContain(
      '--effort best has no texts that the model writes itself: what it says of a token depends on later ones; codes are found without data',
    )
    await expect(made(path, { ...OWN, to: 'int4-weights' })).rejects.toMatchObject({ code: 'E_USAGE' })
  }, 180_000)
})

/** Whatever is read, one token follows. */
function oneToken(): Model {
  return buildModel({
    opset: 17,
    nodes: [
      node('Gather', ['embed', 'input_ids'], ['h']),
      node('MatMul', ['h', 'head'], ['plain']),
      node('Add', ['plain', 'peak'], ['logits']),
    ],
    initializers: [
      weight('embed', [WORDS, 16], 1),
      weight('head', [16, WORDS], 2),
      f32(
        'peak',
        [WORDS],
        Array.from({ length: WORDS }, (_, token) => (token === 4 ? 50 : 0)),
      ),
    ],
    inputs: [value('input_ids', 'i64', ['batch', 'sequence'])],
    outputs: [value('logits', 'f32', ['batch', 'sequence', WORDS])],
  })
}

function floats(): Model {
  return buildModel({
    opset: 17,
    nodes: [node('MatMul', ['x', 'w'], ['logits'])],
    initializers: [weight('w', [32, 32], 1)],
    inputs: [value('x', 'f32', ['batch', 'sequence', 32])],
    outputs: [value('logits', 'f32', ['batch', 'sequence', 32])],
  })
}
