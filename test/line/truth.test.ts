import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { compare } from '../../src/pipeline/compare-file.node.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { compareToHtml } from '../../src/report/compare-to-html.ts'
import { compareToTerminal } from '../../src/report/compare-to-terminal.ts'
import { toHtml } from '../../src/report/to-html.ts'
import { toTerminal } from '../../src/report/to-terminal.ts'
import { buildModel, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'
import { transformer } from '../fixtures/transformer.ts'
import { someWords, wordTokenizer } from '../fixtures/word-tokenizer.ts'

const folder = lineFolder()
const WORDS = 64
const at = (name: string) => join(folder.path, name)
const tokenizer = at('tokenizer.json')

/** Token ids to states of tokens; the mask is there and not looked at. */
const encoder = () =>
  buildModel({
    nodes: [
      node('Gather', ['table', 'input_ids'], ['h0']),
      node('MatMul', ['h0', 'mix'], ['h1']),
      node('Tanh', ['h1'], ['last_hidden_state']),
    ],
    initializers: [weight('table', [WORDS, 32], 3), weight('mix', [32, 32], 4)],
    inputs: [value('input_ids', 'i64', ['N', 'S']), value('attention_mask', 'i64', ['N', 'S'])],
    outputs: [value('last_hidden_state', 'f32', ['N', 'S', 32])],
  })

beforeAll(async () => {
  writeFileSync(tokenizer, wordTokenizer(WORDS - 3))
  writeFileSync(at('text.txt'), `${someWords(400, WORDS - 3).join(' ')}\n`)
  const sentences = Array.from({ length: 24 }, (_, i) => someWords(3 + (i % 5), WORDS - 3, i + 1).join(' '))
  const pairs = Array.from({ length: 12 }, (_, i) => `${sentences[i]}\t${sentences[i + 12]}\t${(i * 5) % 7}`)
  writeFileSync(at('pairs.tsv'), `sentence1\tsentence2\tscore\n${pairs.join('\n')}\n`)
  await folder.write('lm.onnx', transformer({ layers: 1, width: 32, heads: 2, inner: 64, words: WORDS }))
  await folder.write('encoder.onnx', encoder())
})

describe('language models', () => {
  test('figures token by token in windows that are said; saved float outputs give the very same', async () => {
    const options = { eval: at('text.txt'), tokenizer, context: 33, floatOutputs: at('float.bin') }
    const report = await quantize(at('lm.onnx'), at('lm8.onnx'), { to: 'int8-weights', force: true, ...options })
    const { language, batch } = report.verdict!
    expect(language).toMatchObject({
      output: 'logits',
      lines: 12,
      positions: 12 * 32,
      text: 'windows of 33 tokens (1 special, 32 of the text), stride 32',
    })
    expect(language!.kl.mean).toBeGreaterThan(0)
    expect(language!.kl.mean).toBeLessThan(0.01)
    expect(language!.kl.p99).toBeLessThanOrEqual(language!.kl.max)
    expect(language!.perplexity!.differenceError).toBeLessThan(language!.perplexity!.floatError)
    expect(batch!.quantized.difference).toBeLessThan(1e-4)
    expect(toTerminal(report)).toMatch(/perplexity +\d/)
    expect(toHtml(report)).toContain('KL by place in the line')

    expect(existsSync(at('float.bin'))).toBe(true)
    const again = await compare(at('lm.onnx'), at('lm8.onnx'), options)
    expect(again.warnings).toContain(`float outputs were read from ${at('float.bin')}: the float model was not run`)
    expect(again.language).toEqual(language)
    expect(again.batch).toEqual(batch)
    expect(compareToTerminal(again)).toContain('windows of 33 tokens')
    expect(compareToHtml(again)).toContain('same top-5')
  })

  test('JSON lines are joined by what they say', async () => {
    const words = someWords(400, WORDS - 3)
    const lines = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({ text: words.slice(i * 10, i * 10 + 10).join(' ') }),
    )
    writeFileSync(at('text.jsonl'), lines.join('\n'))
    const figures = async (name: string) =>
      (await compare(at('lm.onnx'), at('lm8.onnx'), { eval: at(name), tokenizer, context: 33 })).language
    expect(await figures('text.jsonl')).toEqual(await figures('text.txt'))
  })

  test('random tokens have no perplexity', async () => {
    const { language } = await compare(at('lm.onnx'), at('lm8.onnx'))
    expect(language!.kl.mean).toBeGreaterThan(0)
    expect([language!.perplexity, language!.rightToken]).toEqual([undefined, undefined])
  })

  test('a stride reads tokens twice and counts them once', async () => {
    const options = { eval: at('text.txt'), tokenizer, context: 33, stride: 16 }
    const { language } = await compare(at('lm.onnx'), at('lm.onnx'), options)
    expect(language!.positions).toBe(32 + 23 * 16)
    expect(language).toMatchObject({ kl: { mean: 0, max: 0 }, top1Agreement: 1, top5Agreement: 1 })
    expect(language!.perplexity).toMatchObject({ difference: 0, differenceError: 0 })
  })

  test('more answers than may be held go to a temporary file, with the same figures', async () => {
    const options = { eval: at('text.txt'), tokenizer, context: 33 }
    const held = await compare(at('lm.onnx'), at('lm8.onnx'), options)
    const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tersor-float-'))
    const before = left()
    const spilt = await compare(at('lm.onnx'), at('lm8.onnx'), { ...options, heldBytes: 20_000 })
    expect(spilt.language).toEqual(held.language)
    expect(spilt.outputs).toEqual(held.outputs)
    expect(left().filter((name) => !before.includes(name))).toEqual([])
  })

  test('saved outputs of other samples, of another model, and damaged ones are refused', async () => {
    const saved = at('float2.bin')
    const options = { eval: at('text.txt'), tokenizer, context: 33, floatOutputs: saved }
    await compare(at('lm.onnx'), at('lm.onnx'), options)
    const run = (more: object, a = 'lm.onnx') => compare(at(a), at(a), { ...options, ...more })
    await expect(run({ context: 17 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('the same model on other samples'),
    })
    await expect(run({}, 'lm8.onnx')).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('another model'),
    })
    const bytes = readFileSync(saved)
    writeFileSync(at('cut.bin'), bytes.subarray(0, bytes.length - 100))
    await expect(run({ floatOutputs: at('cut.bin') })).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(run({ floatOutputs: at('text.txt') })).rejects.toThrow('found another file')
  })

  test('token ids beyond the table, texts without tokens and other impossible things are clear errors', async () => {
    writeFileSync(at('large.json'), wordTokenizer(WORDS + 50))
    writeFileSync(at('beyond.txt'), 'w1 w2 w100 w3\n')
    const run = (options: object) =>
      compare(at('lm.onnx'), at('lm.onnx'), { eval: at('text.txt'), tokenizer, ...options })
    await expect(run({ eval: at('beyond.txt'), tokenizer: at('large.json') })).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('expected 0 to 63, the rows of the table that it looks up, found 103'),
    })
    await expect(run({ context: 5000 })).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('too few tokens'),
    })
    await expect(run({ context: 8, stride: 9 })).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(run({ stride: 9 })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('encoders', () => {
  test('embeddings, neighbours, and correlation with people on pairs', async () => {
    const options = { eval: at('pairs.tsv'), tokenizer }
    const report = await quantize(at('encoder.onnx'), at('encoder4.onnx'), {
      to: 'int4-weights',
      force: true,
      everything: true,
      ...options,
    })
    const { embeddings, batch } = report.verdict!
    expect(embeddings).toMatchObject({ output: 'last_hidden_state', pooling: 'mean', texts: 24, pairs: { count: 12 } })
    expect(embeddings!.cosine.min).toBeLessThan(embeddings!.cosine.mean)
    expect(embeddings!.cosine.mean).toBeLessThan(1)
    const { pearson } = embeddings!.pairs!
    expect(pearson.change).toBeCloseTo(pearson.quantized - pearson.float, 12)
    expect(embeddings!.neighbours.map(({ k }) => k)).toEqual([1, 5, 10])
    expect(batch!.float.difference).toBeLessThan(1e-6)
    expect(toTerminal(report)).toMatch(/Spearman +-?0\.\d{4}/)
    expect(toHtml(report)).toContain('cosine of each embedding to float')
  })

  test('one scale for a whole batch makes a text depend on its neighbours, and that is said', async () => {
    const options = { eval: at('pairs.tsv'), tokenizer, lowering: 'dynamic-matmul', attempts: 1 }
    const report = await quantize(at('encoder.onnx'), at('encoder8.onnx'), { to: 'int8', force: true, ...options })
    if (!report.decisions.some(({ lowering }) => lowering?.includes('dynamic'))) return
    expect(report.verdict!.batch!.quantized.difference).toBeGreaterThan(1e-3)
    expect(report.warnings.join()).toContain('of a text depends on the batch it is in')
  })

  test('pairs without a score, and tables of something else', async () => {
    const run = (path: string) => compare(at('encoder.onnx'), at('encoder.onnx'), { eval: at(path), tokenizer })
    writeFileSync(at('bare.tsv'), 'sentence1\tsentence2\nw1\tw2\n')
    writeFileSync(at('numbers.tsv'), 'x\ty\n1\t2\n')
    writeFileSync(at('bad.tsv'), 'sentence1\tsentence2\tscore\nw1\tw2\thigh\n')
    await expect(run('bare.tsv')).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('no score'),
    })
    await expect(run('numbers.tsv')).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('"x", "y"'),
    })
    await expect(run('bad.tsv')).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('the score "high"'),
    })
  })
})
