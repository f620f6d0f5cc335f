import { execFile } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import type { Model } from '../../src/model/graph.ts'
import { buildModel, f32, i64, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'
import { someWords, wordTokenizer } from '../fixtures/word-tokenizer.ts'

/** The built command line as a process: the threads that learn are built files, too. */
const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const folder = lineFolder()
const at = (name: string): string => join(folder.path, name)
const [WORDS, WIDTH, INNER] = [64, 32, 64]

/**
 * A decoder as exporters without constant folding write it: Linear weights [out, in] behind a Transpose, a head that is the transposed
 * embedding, keys and values of earlier tokens in front of new ones, and handed on.
 */
function decoder(): Model {
  const linear = (name: string, input: string, output: string) => [
    node('Transpose', [`${name}.weight`], [`${name}.turned`], { perm: [1, 0] }),
    node('MatMul', [input, `${name}.turned`], [output]),
  ]
  const heads = (name: string) => [
    ...linear(name, 'n1', `${name}.flat`),
    node('Reshape', [`${name}.flat`, 'split'], [`${name}.split`]),
    node('Transpose', [`${name}.split`], [`${name}.heads`], { perm: [0, 2, 1, 3] }),
  ]
  return buildModel({
    opset: 17,
    nodes: [
      node('Gather', ['embed.weight', 'input_ids'], ['h0']),
      node('LayerNormalization', ['h0', 'norm', 'zeros'], ['n1']),
      ...heads('q'),
      ...heads('k'),
      ...heads('v'),
      node('Concat', ['past_key_values.0.key', 'k.heads'], ['present.0.key'], { axis: 2 }),
      node('Concat', ['past_key_values.0.value', 'v.heads'], ['present.0.value'], { axis: 2 }),
      node('Transpose', ['present.0.key'], ['k.across'], { perm: [0, 1, 3, 2] }),
      node('MatMul', ['q.heads', 'k.across'], ['scores']),
      node('Softmax', ['scores'], ['shares'], { axis: -1 }),
      node('MatMul', ['shares', 'present.0.value'], ['mixed']),
      node('Transpose', ['mixed'], ['mixed.back'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['mixed.back', 'merge'], ['merged']),
      ...linear('o', 'merged', 'o.out'),
      node('Add', ['h0', 'o.out'], ['h1']),
      ...linear('up', 'h1', 'up.out'),
      node('Relu', ['up.out'], ['up.active']),
      ...linear('down', 'up.active', 'down.out'),
      node('Add', ['h1', 'down.out'], ['h2']),
      node('Transpose', ['embed.weight'], ['head'], { perm: [1, 0] }),
      node('MatMul', ['h2', 'head'], ['logits']),
    ],
    initializers: [
      weight('embed.weight', [WORDS, WIDTH], 1),
      ...['q', 'k', 'v', 'o'].map((name, i) => weight(`${name}.weight`, [WIDTH, WIDTH], 2 + i)),
      weight('up.weight', [INNER, WIDTH], 7),
      weight('down.weight', [WIDTH, INNER], 8),
      f32('norm', [WIDTH], new Array(WIDTH).fill(1)),
      f32('zeros', [WIDTH], new Array(WIDTH).fill(0)),
      i64('split', [4], [0, 0, 2, WIDTH / 2]),
      i64('merge', [3], [0, 0, WIDTH]),
    ],
    inputs: [
      value('input_ids', 'i64', ['batch', 'sequence']),
      value('past_key_values.0.key', 'f32', ['batch', 2, 'past', WIDTH / 2]),
      value('past_key_values.0.value', 'f32', ['batch', 2, 'past', WIDTH / 2]),
    ],
    outputs: [
      value('logits', 'f32', ['batch', 'sequence', WORDS]),
      value('present.0.key', 'f32', ['batch', 2, 'past + sequence', WIDTH / 2]),
      value('present.0.value', 'f32', ['batch', 2, 'past + sequence', WIDTH / 2]),
    ],
  })
}

async function quantized(effort: string) {
  const out = at(`${effort}.onnx`)
  const words = [
    'quantize',
    at('decoder.onnx'),
    '--to',
    'int2-weights',
    '--calib',
    at('calib.txt'),
    '--eval',
    at('eval.txt'),
  ]
  const more = ['--context', '17', '--effort', effort, '--attempts', '1', '--max-kl', '100', '-o', out, '--json', '-q']
  const run = await promisify(execFile)(process.execPath, [MAIN, ...words, ...more], { maxBuffer: 1 << 26 })
  return { report: JSON.parse(run.stdout), bytes: statSync(out).size }
}

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error('dist/ is missing: run npm run build')
  await folder.write('decoder.onnx', decoder())
  writeFileSync(at('tokenizer.json'), wordTokenizer(WORDS - 3))
  writeFileSync(at('calib.txt'), someWords(2400, WORDS - 3).join(' '))
  writeFileSync(at('eval.txt'), someWords(160, WORDS - 3, 5).join(' '))
})

test('tersor quantize --calib learns a decoder with caches end to end, and is nearer to float than GPTQ alone', async () => {
  const [fast, learned] = [await quantized('fast'), await quantized('default')]
  const { verdict, decisions } = learned.report
  expect(verdict.language.kl.mean).toBeLessThan(fast.report.verdict.language.kl.mean)
  // The same codes in number, only better ones.
  expect(learned.bytes).toBe(fast.bytes)
  const of = (name: string) => decisions.find(({ tensor }: { tensor: string }) => tensor === name)
  expect(of('q.weight').because.text).toMatch(/distance [\d.e-]+ to [\d.e-]+/)
  expect(of('q.weight').solver).toBe('learned')
  // The head is the embedding, and what is handed to the next run judges nothing.
  expect(of('embed.weight').scheme).toBe('int8-block64-sym')
  expect(verdict.because).toContain('"logits"')
  expect(verdict.filled).toEqual(['past_key_values.0.key: zeros', 'past_key_values.0.value: zeros'])
}, 180_000)
