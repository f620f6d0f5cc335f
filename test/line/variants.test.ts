import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inspect } from '../../src/pipeline/inspect-file.node.ts'
import { cardFor } from '../../src/pipeline/variants/card.ts'
import { variants } from '../../src/pipeline/variants/variants.node.ts'
import { variantsToTerminal } from '../../src/report/variants-to-terminal.ts'
import { buildModel, encodeModel, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'
import { variantsReport } from '../fixtures/reports.ts'
import { transformer } from '../fixtures/transformer.ts'
import { someWords, wordTokenizer } from '../fixtures/word-tokenizer.ts'

const folder = lineFolder()
const at = (...names: string[]) => join(folder.path, ...names)
const WORDS = 64
const SIZES = { layers: 1, width: 32, heads: 2, inner: 64, words: WORDS }

/** States of an encoder and ids to scores. */
const decoder = () =>
  buildModel({
    nodes: [
      node('Gather', ['table', 'input_ids'], ['h0']),
      node('MatMul', ['encoder_hidden_states', 'mix'], ['h1']),
      node('ReduceMean', ['h1'], ['h2'], { axes: [1], keepdims: 1 }),
      node('Add', ['h0', 'h2'], ['h3']),
      node('MatMul', ['h3', 'head'], ['logits']),
    ],
    initializers: [weight('table', [WORDS, 32], 3), weight('mix', [32, 32], 4), weight('head', [32, WORDS], 5)],
    inputs: [value('input_ids', 'i64', ['N', 'S']), value('encoder_hidden_states', 'f32', ['N', 'T', 32])],
    outputs: [value('logits', 'f32', ['N', 'S', WORDS])],
  })

async function source(name: string, models: Readonly<Record<string, ReturnType<typeof decoder>>>, config: object) {
  mkdirSync(at(name, 'onnx'), { recursive: true })
  for (const [part, model] of Object.entries(models))
    writeFileSync(at(name, 'onnx', `${part}.onnx`), await encodeModel(model))
  writeFileSync(at(name, 'config.json'), JSON.stringify(config))
  writeFileSync(at(name, 'tokenizer.json'), wordTokenizer(WORDS - 3))
  writeFileSync(at(name, 'secrets.json'), '{}')
  return at(name)
}

const filesBelow = (path: string) => readdirSync(path, { recursive: true }).map(String).sort()
const leftovers = () => readdirSync(folder.path).filter((name) => name.includes('.tersor-'))

beforeAll(async () => {
  writeFileSync(at('text.txt'), `${someWords(300, WORDS - 3).join(' ')}\n`)
  await source('lm', { model: transformer(SIZES), model_O2: transformer(SIZES) }, { model_type: 'llama' })
  writeFileSync(at('lm', 'LICENSE'), 'do as you please')
  writeFileSync(at('lm', 'README.md'), '---\npipeline_tag: text-generation\nlicense: mit\n---\n# A model\n')
})

describe('a folder of variants', () => {
  test('names, configuration, card, what is copied; the float model is run once', async () => {
    const report = await variants(at('lm'), at('out'), {
      set: 'fp32,q8,int8',
      eval: at('text.txt'),
      context: 17,
      samples: 6,
    })
    expect(filesBelow(at('out'))).toEqual(
      [
        'LICENSE',
        'README.md',
        'config.json',
        'onnx',
        'onnx/model.onnx',
        'onnx/model_int8.onnx',
        'onnx/model_quantized.onnx',
        'tokenizer.json',
        'tokenizer_config.json',
      ].sort(),
    )
    expect(report.variants.map(({ dtype, file, verdict }) => [dtype, file, verdict.status])).toEqual([
      ['fp32', 'onnx/model.onnx', 'proven'],
      ['q8', 'onnx/model_quantized.onnx', 'proven'],
      ['int8', 'onnx/model_int8.onnx', 'proven'],
    ])
    expect(report.variants[1]!.verdict.language!.positions).toBe(6 * 16)
    expect(report.variants[1]!.compressed!.gzip).toBeGreaterThan(100)
    expect(report.variants[1]!.bytes).toBeLessThan(report.variants[0]!.bytes / 2)
    expect(report).toMatchObject({
      license: { file: 'LICENSE', name: 'mit' },
      copied: ['config.json', 'LICENSE', 'tokenizer.json'],
    })
    expect(JSON.parse(readFileSync(at('out', 'config.json'), 'utf8'))).toEqual({ model_type: 'llama' })
    const card = readFileSync(at('out', 'README.md'), 'utf8')
    expect(card).toContain('# A model')
    expect(card).toMatch(/`onnx\/model_quantized.onnx` \| `q8` \| .* mean KL /)
    expect(card).toContain("pipeline('text-generation', 'USER/MODEL', { dtype: 'q8' })")
    expect(variantsToTerminal(report)).toContain('onnx/model_quantized.onnx')
    expect((await inspect(at('out'))).input.path).toBe(at('out', 'onnx', 'model.onnx'))
    expect(leftovers()).toEqual([])
  })

  test('data files as they are looked for, and in config.json', async () => {
    await variants(at('lm', 'onnx', 'model.onnx'), at('chunks'), { set: 'fp32', shardSize: 8192, noVerify: true })
    const names = filesBelow(at('chunks', 'onnx'))
    expect(names.slice(0, 3)).toEqual(['model.onnx', 'model.onnx_data', 'model.onnx_data_1'])
    expect(JSON.parse(readFileSync(at('chunks', 'config.json'), 'utf8'))['transformers.js_config']).toEqual({
      dtype: 'fp32',
      use_external_data_format: { 'model.onnx': names.length - 1 },
    })
  })

  test('a folder that has files is only written into by force, and what else is in it stays', async () => {
    mkdirSync(at('taken'))
    writeFileSync(at('taken', 'mine.txt'), 'x')
    const again = (force: boolean) => variants(at('lm'), at('taken'), { set: 'fp32', noVerify: true, force })
    await expect(again(false)).rejects.toMatchObject({ code: 'E_OUTPUT' })
    expect(readdirSync(at('taken'))).toEqual(['mine.txt'])
    await again(true)
    expect(readdirSync(at('taken'))).toContain('mine.txt')
    expect(existsSync(at('taken', 'onnx', 'model.onnx'))).toBe(true)
    await expect(variants(at('lm'), at('lm'), { set: 'fp32', force: true })).rejects.toThrow(
      'is the folder that is read',
    )
  })

  test('parts of an encoder and its decoder, each judged on what it takes', async () => {
    const parts = { encoder_model: await encoderOf(), decoder_model_merged: decoder() }
    await source('pair', parts, { is_encoder_decoder: true })
    const report = await variants(at('pair'), at('pair-out'), { set: 'q8', eval: at('text.txt'), force: true })
    expect(readdirSync(at('pair-out', 'onnx')).sort()).toEqual([
      'decoder_model_merged_quantized.onnx',
      'encoder_model_quantized.onnx',
    ])
    expect(report.variants.map(({ part, verdict }) => [part, verdict.data])).toEqual([
      ['decoder_model_merged', 'synthetic'],
      ['encoder_model', 'given'],
    ])
    expect(report.warnings.join('\n')).toContain('decoder_model_merged: the given data do not feed this part')
    expect(report.warnings.join('\n')).toContain('no licence was found')
  })

  test('what is missing, unknown or broken leaves nothing behind', async () => {
    await source('half', { encoder_model: await encoderOf() }, { is_encoder_decoder: true })
    await source('small', {}, {})
    writeFileSync(at('small', 'onnx', 'model_fp16.onnx'), 'x')
    await source('broken', { model: transformer(SIZES) }, {})
    writeFileSync(at('broken', 'onnx', 'zmodel.onnx'), 'no model')
    const make = (input: string, set = 'q8') => variants(at(input), at('never'), { set, noVerify: true })
    await expect(make('half')).rejects.toThrow('which needs decoder_model_merged.onnx or decoder_model.onnx')
    await expect(make('small')).rejects.toThrow('holds no float model, only model_fp16.onnx')
    await expect(make('none')).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(make('lm', 'q9')).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(make('broken')).rejects.toMatchObject({ code: 'E_FORMAT' })
    writeFileSync(at('broken', 'config.json'), '{')
    await expect(make('broken')).rejects.toThrow('config.json is not JSON')
    expect(existsSync(at('never'))).toBe(false)
    expect(leftovers()).toEqual([])
  })
})

test('stopped in the middle: nothing is left', async () => {
  const stop = new AbortController()
  const onEvent = ({ phase }: { readonly phase: string }) => (phase === 'quantize' ? stop.abort() : undefined)
  const made = variants(at('lm'), at('stopped'), { set: 'fp32,q8', noVerify: true, signal: stop.signal, onEvent })
  await expect(made).rejects.toMatchObject({ code: 'E_ABORTED' })
  expect(existsSync(at('stopped'))).toBe(false)
  expect(leftovers()).toEqual([])
})

test('a folder without a model says what it has', async () => {
  const parts = { encoder_model: await encoderOf(), text_decoder: decoder() }
  await source('several', parts, {})
  await expect(inspect(at('several'))).rejects.toThrow('it has onnx/encoder_model.onnx, onnx/text_decoder.onnx')
  await expect(variants('https://localhost/model.onnx', undefined, { set: 'q8' })).rejects.toMatchObject({
    code: 'E_UNSUPPORTED',
  })
})

test('links, as a cache has them, are followed; the folder goes beside the model', async () => {
  mkdirSync(at('cache', 'blobs'), { recursive: true })
  mkdirSync(at('cache', 'snapshot', 'onnx'), { recursive: true })
  for (const name of ['onnx/model.onnx', 'config.json', 'tokenizer.json', 'LICENSE'])
    symlinkSync(at('lm', name), at('cache', 'snapshot', name))
  const report = await variants(at('cache', 'snapshot'), undefined, { set: 'fp32', noVerify: true })
  expect(report.output.path).toBe(at('cache', 'snapshot-variants'))
  expect(report.copied).toEqual(['config.json', 'LICENSE', 'tokenizer.json'])
  expect(lstatSync(at('cache', 'snapshot-variants', 'LICENSE')).isSymbolicLink()).toBe(false)
})

test('a card is brought up to date, not written twice', () => {
  const first = cardFor(variantsReport, '# Mine\n')
  const second = cardFor({ ...variantsReport, tersor: '9.9.9' }, first)
  expect(second.match(/## ONNX files/g)).toHaveLength(1)
  expect(second).toContain('9.9.9')
  expect(second.startsWith('# Mine\n')).toBe(true)
  expect(first).toContain('| not written | `q4` | 20.0 MB (-77.9 %) |  |  | cosine 0.95000 | refused |')
  expect(variantsToTerminal(variantsReport)).toContain('1 variant refused')
})

async function encoderOf() {
  return buildModel({
    nodes: [node('Gather', ['table', 'input_ids'], ['h0']), node('MatMul', ['h0', 'mix'], ['last_hidden_state'])],
    initializers: [weight('table', [WORDS, 32], 3), weight('mix', [32, 32], 4)],
    inputs: [value('input_ids', 'i64', ['N', 'S'])],
    outputs: [value('last_hidden_state', 'f32', ['N', 'S', 32])],
  })
}
