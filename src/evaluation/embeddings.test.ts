import { describe, expect, it } from 'vitest'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { pearson, spearman } from './correlation.ts'
import { embeddingMeter, embeddingOutput, embeddingsOf } from './embeddings.ts'
import { neighbours } from './neighbours.ts'

const WIDTH = 16
const floats = (shape: readonly number[], values: ArrayLike<number>): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const ids = (values: readonly number[]): Value => ({
  dtype: 'i64',
  shape: [1, values.length],
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
})
const noise = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233) * 2)

describe('correlation', () => {
  it('of the textbooks, ranks shared by equal values', () => {
    expect(pearson([1, 2, 3, 4], [2, 4, 6, 8])).toBeCloseTo(1, 12)
    expect(pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.8, 12)
    expect(spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 125])).toBeCloseTo(1, 12)
    // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    expect(spearman([1, 2, 2, 3], [10, 20, 30, 40])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12)
    expect(pearson([1, 1, 1], [1, 2, 3])).toBe(0)
  })
})

describe('which output is an embedding', () => {
  const sample: Sample = { label: 'a', feeds: { input_ids: ids([1, 2, 3]), attention_mask: ids([1, 1, 0]) } }
  const hidden = floats([1, 3, WIDTH], noise(1, 3 * WIDTH))
  const vector = floats([1, WIDTH], noise(2, WIDTH))

  it('a sentence embedding before states of tokens, states before a pooled token', () => {
    expect(embeddingOutput(sample, { last_hidden_state: hidden, sentence_embedding: vector })).toEqual({
      name: 'sentence_embedding',
      pooling: 'given',
    })
    expect(embeddingOutput(sample, { pooler_output: vector, last_hidden_state: hidden })?.name).toBe(
      'last_hidden_state',
    )
    expect(embeddingOutput(sample, { image_embeds: vector })?.pooling).toBe('given')
  })

  it('no scores, no narrow answers, no other lengths', () => {
    expect(embeddingOutput(sample, { logits: hidden })).toBeUndefined()
    expect(embeddingOutput(sample, { last_hidden_state: hidden }, { vocabulary: WIDTH })).toBeUndefined()
    expect(embeddingOutput(sample, { hidden: floats([1, 5, WIDTH], noise(1, 5 * WIDTH)) })).toBeUndefined()
    expect(embeddingOutput(sample, { embedding: floats([1, 3], [1, 2, 3]) })).toBeUndefined()
  })

  it('the mean leaves out what the mask leaves out, and has length one', () => {
    const output = { name: 'last_hidden_state', pooling: 'mean' } as const
    const [row] = embeddingsOf(output, sample.feeds, { last_hidden_state: hidden })
    const values = noise(1, 3 * WIDTH).map(Math.fround)
    const mean = Array.from({ length: WIDTH }, (_, i) => values[i]! + values[WIDTH + i]!)
    const length = Math.sqrt(mean.reduce((sum, x) => sum + x * x, 0))
    for (const [i, x] of mean.entries()) expect(row![i]).toBeCloseTo(x / length, 6)
  })
})

describe('figures of embeddings', () => {
  const count = 40
  const answer = (row: readonly number[]): Feeds => ({ sentence_embedding: floats([1, WIDTH], row) })
  const rows = Array.from({ length: count }, (_, i) => noise(i, WIDTH))
  const add = (change: (row: readonly number[], i: number) => readonly number[]) => {
    const meter = embeddingMeter()
    for (const [i, row] of rows.entries())
      meter.add({ label: `t${i}`, index: i, feeds: {} }, answer(row), answer(change(row, i)))
    return meter
  }

  it('the same: nothing changes', () => {
    const pairs = Array.from({ length: 20 }, (_, i) => ({ first: i, second: i + 20, score: (i * 7) % 5 }))
    const found = add((row) => row).figures(pairs)!
    expect(found.texts).toBe(count)
    expect(found.cosine.mean).toBeCloseTo(1, 6)
    expect(found.neighbours.map(({ k, overlap }) => [k, overlap])).toEqual([
      [1, 1],
      [5, expect.closeTo(1, 9)],
      [10, expect.closeTo(1, 9)],
    ])
    expect(found.pairs).toMatchObject({ count: 20, pearson: { change: 0 }, spearman: { change: 0 } })
  })

  it('one turned around is the worst, and named; length does not count', () => {
    const found = add((row, i) => (i === 7 ? row.map((x) => -x) : row.map((x) => 3 * x))).figures()!
    expect(found.cosine).toMatchObject({ worst: 't7' })
    expect(found.cosine.min).toBeCloseTo(-1, 6)
    expect(found.cosine.mean).toBeCloseTo((count - 2) / count, 6)
    expect(found.pairs).toBeUndefined()
  })

  it('pairs whose texts were not run are not counted', () => {
    const pairs = [
      { first: 0, second: 1, score: 1 },
      { first: 2, second: 3, score: 2 },
      { first: 4, second: 400, score: 3 },
    ]
    expect(add((row) => row).figures(pairs)!.pairs!.count).toBe(2)
  })

  it('neighbours of other rows are others', () => {
    const unit = (row: readonly number[]) => {
      const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0))
      return Float64Array.from(row, (x) => x / length)
    }
    const a = rows.map(unit)
    const b = rows.map((_, i) => a[(i * 13 + 5) % count]!)
    const [first] = neighbours(a, b)
    expect(first!.overlap).toBeLessThan(0.5)
    expect(neighbours(a.slice(0, 5), b.slice(0, 5))).toEqual([])
  })
})
