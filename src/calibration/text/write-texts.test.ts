import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { randomStream } from '../random.ts'
import { drawToken } from './draw-token.ts'
import { textEndsBeside } from './text-ends.node.ts'
import { areCollapsed } from './write-texts.ts'

const folder = mkdtempSync(join(tmpdir(), 'tersor-ends-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content))

test('tokens are drawn as often as the softmax of their scores says', () => {
  const scores = Float32Array.of(0, 1, Number.NEGATIVE_INFINITY, -100, 2)
  const random = randomStream(1, 'draws')
  const counts = new Array(5).fill(0)
  for (let i = 0; i < 20_000; i++) counts[drawToken(scores, random) as number] += 1
  const sum = 1 + Math.E + Math.E ** 2
  expect(counts[2] + counts[3]).toBe(0)
  for (const [token, chance] of [
    [0, 1],
    [1, Math.E],
    [4, Math.E ** 2],
  ] as const)
    expect(Math.abs(counts[token] / 20_000 - chance / sum)).toBeLessThan(0.01)
})

test('scores that give no chances draw nothing', () => {
  const random = randomStream(1, 'draws')
  expect(drawToken(Float32Array.of(0, Number.NaN), random)).toBeUndefined()
  expect(drawToken(Float32Array.of(0, Number.POSITIVE_INFINITY), random)).toBeUndefined()
  expect(drawToken(new Float32Array(3).fill(Number.NEGATIVE_INFINITY), random)).toBeUndefined()
})

test('texts of one or two tokens are told from others', () => {
  const varied = [1, 2, 3, 4, 5, 6, 7, 8]
  expect(areCollapsed([new Array(8).fill(3), [1, 2, 1, 2, 1, 2, 1, 2], varied])).toBe(true)
  expect(areCollapsed([new Array(8).fill(3), varied])).toBe(false)
})

test('start and end tokens come from the files beside the model; damaged ones say nothing', async () => {
  const model = join(folder, 'model.onnx')
  expect(await textEndsBeside(model)).toEqual({ ends: new Set() })
  write('tokenizer.json', {
    added_tokens: [
      { id: 1, content: '<s>' },
      { id: 2, content: '</s>' },
    ],
    post_processor: { single: [{ SpecialToken: { id: '<s>' } }], special_tokens: { '<s>': { ids: [1] } } },
  })
  write('tokenizer_config.json', { eos_token: { content: '</s>' } })
  expect(await textEndsBeside(model)).toEqual({ start: 1, ends: new Set([2]) })
  write('config.json', { bos_token_id: 7, eos_token_id: [8, -1, 'x'], max_position_embeddings: 64 })
  expect(await textEndsBeside(model)).toEqual({ start: 7, ends: new Set([8]), most: 64 })
  writeFileSync(join(folder, 'generation_config.json'), '{')
  expect(await textEndsBeside(model)).toEqual({ start: 7, ends: new Set([8]), most: 64 })
})
