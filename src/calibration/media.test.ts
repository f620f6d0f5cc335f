import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waveOf } from '../../test/fixtures/wav.ts'
import type { SessionInput } from '../model/runtime.ts'
import { floatsOf, integersOf } from './convert.ts'
import { writePicture } from './picture.node.ts'
import { openSamples } from './samples.node.ts'

const root = mkdtempSync(join(tmpdir(), 'tersor-media-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function folder(name: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  const path = join(root, name)
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true })
    writeFileSync(join(path, file), content)
  }
  return path
}
async function all(set: Awaited<ReturnType<typeof openSamples>>) {
  return Promise.all(Array.from({ length: set.count }, (_, i) => set.at(i)))
}
const names = (path: string, samples: readonly { readonly label: string }[]) =>
  samples.map(({ label }) => label.slice(path.length + 1))

describe('pictures', () => {
  const image: SessionInput = { name: 'image', dtype: 'f32', shape: ['N', 3, 4, 4] }
  /** Left half of one colour, right half of another. */
  const halves = (left: readonly number[], right: readonly number[], size = 4) =>
    writePicture(
      {
        shape: [size, size, 3],
        data: Uint8Array.from(
          { length: size * size * 3 },
          (_, i) => (Math.floor(i / 3) % size < size / 2 ? left : right)[i % 3]!,
        ),
      },
      'made',
    )
  let png: Uint8Array
  let larger: Uint8Array
  beforeAll(async () => {
    png = await halves([255, 0, 51], [0, 0, 0])
    larger = await halves([255, 0, 51], [0, 0, 0], 8)
  })

  it('in folders of folders, whatever they are called, other files named', async () => {
    const path = folder('classes', {
      'b/2.png': png,
      'b/10.png': png,
      'a/x': larger,
      'a/labels.csv': 'x',
      '.hidden.png': 'x',
    })
    const set = await openSamples(path, [image], { preprocess: 'unit' })
    const samples = await all(set)
    expect(names(path, samples)).toEqual(['a/x', 'b/2.png', 'b/10.png'])
    expect(set.skipped).toEqual([`${path}: 1 other files, such as labels.csv`])
    for (const { feeds } of samples) {
      expect(feeds.image?.shape).toEqual([1, 3, 4, 4])
      const values = floatsOf(feeds.image!)
      expect([values[0], values[3], values[16], values[32]]).toEqual([1, 0, 0, Math.fround(0.2)])
    }
    expect(set.notes).toEqual([])
  })

  it('one file; without --preprocess the values of bytes are remarked upon', async () => {
    const path = join(folder('one', { 'p.bin': png }), 'p.bin')
    const set = await openSamples(path, [image])
    expect(floatsOf((await set.at(0)).feeds.image!)[0]).toBe(255)
    expect(set.notes).toEqual([expect.stringContaining('from 0 to 255')])
    const raw = await openSamples(path, [image], { preprocess: 'raw' })
    await raw.at(0)
    expect(raw.notes).toEqual([])
  })

  it('a damaged one in the middle is refused by name, or left out and named', async () => {
    const path = folder('damaged', {
      '1.png': png,
      '2.png': png.subarray(0, 60),
      '3.png': 'text',
      '4.png': png,
      '5.png': '',
    })
    const set = await openSamples(path, [image], { preprocess: 'unit' })
    expect(set.count).toBe(5)
    for (const [index, file] of [
      [1, '2.png'],
      [2, '3.png'],
      [4, '5.png'],
    ] as const)
      await expect(set.at(index)).rejects.toMatchObject({ code: 'E_FORMAT', message: expect.stringContaining(file) })
    const rest = await openSamples(path, [image], { preprocess: 'unit', skipBad: true })
    expect(names(path, await all(rest))).toEqual(['1.png', '4.png'])
    expect(rest.skipped.slice(0, 3).map((text) => text.slice(path.length + 1, path.length + 6))).toEqual([
      '2.png',
      '3.png',
      '5.png',
    ])
  })

  it('a picture of one colour is remarked upon', async () => {
    const plain = await halves([9, 9, 9], [9, 9, 9])
    const set = await openSamples(folder('plain', { 'a.png': plain, 'b.png': png }), [image], { preprocess: 'unit' })
    await all(set)
    expect(set.notes).toEqual([expect.stringContaining('1 of 2 pictures is of one colour')])
  })

  it('a configuration beside the model is used and said', async () => {
    const path = folder('model', {
      'preprocessor_config.json': '{"image_mean": [0.5], "image_std": [0.5]}',
      'onnx/model.onnx': '',
      'data/p.png': png,
    })
    const set = await openSamples(join(path, 'data'), [image], { modelPath: join(path, 'onnx', 'model.onnx') })
    expect(set.notes).toEqual([expect.stringContaining('found beside the model')])
    expect(floatsOf((await set.at(0)).feeds.image!)[0]).toBe(1)
  })

  it('a preset for sounds, or a file that is not there, is refused', async () => {
    const path = folder('wrong', { 'p.png': png })
    await expect(openSamples(path, [image], { preprocess: 'mfcc' })).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(openSamples(path, [image], { preprocess: './none.json' })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('sounds', () => {
  const wave: SessionInput = { name: 'wave', dtype: 'f32', shape: ['N', 400] }

  it('chunks of each file, resampled, a short one ends in silence, a damaged one is refused by name', async () => {
    const path = folder('sounds', {
      'a.wav': waveOf(1000, 16_000, () => 0.5),
      'b.wav': waveOf(1000, 8000, () => 0.5),
      'c.wav': waveOf(100, 16_000, () => 0.5),
    })
    const set = await openSamples(path, [wave])
    expect(set.notes).toEqual([
      '1 sound resampled from 8000 to 16000 Hz',
      '1 of 3 sounds are shorter than the model takes and end in silence',
    ])
    const samples = await all(set)
    expect(names(path, samples)).toEqual([
      'a.wav[0]',
      'a.wav[1]',
      'b.wav[0]',
      'b.wav[1]',
      'b.wav[2]',
      'b.wav[3]',
      'b.wav[4]',
      'c.wav',
    ])
    const short = floatsOf(samples[7]!.feeds.wave!)
    expect([short[0] !== 0, short[99] !== 0, short[100], short[399]]).toEqual([true, true, 0, 0])
    writeFileSync(join(path, 'd.wav'), 'RIFF....WAVE')
    await expect(openSamples(path, [wave])).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('d.wav'),
    })
    expect((await openSamples(path, [wave], { skipBad: true })).skipped).toEqual([expect.stringContaining('d.wav')])
  })
})

describe('texts', () => {
  const ids: SessionInput = { name: 'input_ids', dtype: 'i64', shape: ['N', 'S'] }
  const mask: SessionInput = { name: 'attention_mask', dtype: 'i32', shape: ['N', 'S'] }
  const tokenizer = JSON.stringify({
    version: '1.0',
    truncation: { max_length: 4, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map((content, id) => ({
      id,
      content,
      special: true,
      normalized: false,
      lstrip: false,
      rstrip: false,
      single_word: false,
    })),
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, a: 4, cat: 5, sat: 6, '##s': 7 },
    },
  })
  const texts = folder('texts', { 'data.txt': 'A cat sat\n\ncats dog', 'tokenizer.json': tokenizer, 'model.onnx': '' })

  it('through the tokenizer beside the model, cut and in the types of the model', async () => {
    const set = await openSamples(join(texts, 'data.txt'), [ids, mask], { modelPath: join(texts, 'model.onnx') })
    const samples = await all(set)
    expect(names(texts, samples)).toEqual(['data.txt:1', 'data.txt:3'])
    expect(
      samples.map(({ feeds }) => Array.from({ length: 4 }, (_, i) => Number(integersOf(feeds.input_ids!)[i]))),
    ).toEqual([
      [2, 4, 5, 3],
      [2, 5, 7, 3],
    ])
    expect(samples[0]!.feeds.attention_mask).toMatchObject({ dtype: 'i32', shape: [1, 4] })
    expect(set.notes).toEqual([expect.stringContaining('found beside the model'), 'texts are cut to 4 tokens'])
  })

  it('a bad line is refused by its number, or left out', async () => {
    const path = join(folder('lines', { 'a.jsonl': '{"text": "a"}\n{"label": 2}\n{"text": "cat"}' }), 'a.jsonl')
    const options = { tokenizer: join(texts, 'tokenizer.json') }
    await expect((await openSamples(path, [ids, mask], options)).at(1)).rejects.toMatchObject({
      message: expect.stringContaining('a.jsonl:2'),
    })
    expect(await openSamples(path, [ids, mask], { ...options, skipBad: true })).toMatchObject({
      count: 2,
      skipped: [expect.stringContaining('a.jsonl:2')],
    })
  })

  it('needs a tokenizer that is there and is one', async () => {
    const path = join(texts, 'data.txt')
    await expect(openSamples(path, [ids])).rejects.toMatchObject({
      code: 'E_USAGE',
      hint: expect.stringContaining('--tokenizer'),
    })
    await expect(openSamples(path, [ids], { tokenizer: join(texts, 'none.json') })).rejects.toMatchObject({
      code: 'E_USAGE',
    })
    await expect(openSamples(path, [ids], { tokenizer: path })).rejects.toMatchObject({ code: 'E_FORMAT' })
  })

  it('a model that takes text gets it', async () => {
    const text: SessionInput = { name: 'text', dtype: 'string', shape: ['N'] }
    const set = await openSamples(join(texts, 'data.txt'), [text])
    expect((await set.at(0)).feeds.text).toEqual({ dtype: 'string', shape: [1], data: ['A cat sat'] })
  })
})
