import { describe, expect, it } from 'vitest'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { languageMeter } from './language.ts'

const floats = (shape: readonly number[], values: readonly number[]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const ids = (values: readonly number[]): Value => ({
  dtype: 'i64',
  shape: [1, values.length],
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
})
const sample = (tokens: readonly number[], more: Feeds = {}, contextTokens?: number): Sample => ({
  label: 'a',
  feeds: { ...more, input_ids: ids(tokens) },
  ...(contextTokens === undefined ? {} : { contextTokens }),
})
const rows = (all: readonly (readonly number[])[]): Feeds => ({
  logits: floats([1, all.length, all[0]!.length], all.flat()),
})

const CLASSES = 8
const spread = (seed: number) => Array.from({ length: CLASSES }, (_, i) => (((seed * 37 + i * 53) % 29) - 14) / 5)
const softmax = (row: readonly number[]): number[] => {
  const e = row.map((x) => Math.exp(Math.fround(x)))
  const sum = e.reduce((a, b) => a + b, 0)
  return e.map((x) => x / sum)
}

describe('figures of language', () => {
  const tokens = [3, 1, 4, 1, 5, 2, 6]
  const float = tokens.map((_, i) => spread(i + 1))
  const other = float.map((row, i) => row.map((x, k) => x + (((i * 7 + k * 11) % 5) - 2) / 4))

  it('are those of the formulas written out, over positions with a next token', () => {
    const meter = languageMeter()
    meter.add(sample(tokens), rows(float), rows(other))
    const found = meter.figures('a text')!
    const n = tokens.length - 1
    const [p, q] = [float.map(softmax), other.map(softmax)]
    const losses = (of: number[][]) => Array.from({ length: n }, (_, t) => -Math.log(of[t]![tokens[t + 1]!]!))
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
    const [a, b] = [losses(p), losses(q)]
    const kls = Array.from({ length: n }, (_, t) =>
      p[t]!.reduce((sum, share, i) => sum + share * Math.log(share / q[t]![i]!), 0),
    )
    const change = Array.from({ length: n }, (_, t) => q[t]![tokens[t + 1]!]! - p[t]![tokens[t + 1]!]!)
    expect(found).toMatchObject({ output: 'logits', lines: 1, positions: n, text: 'a text' })
    expect(found.kl.mean).toBeCloseTo(mean(kls), 6)
    expect(found.kl.max).toBeCloseTo(Math.max(...kls), 6)
    const error = Math.sqrt(mean(kls.map((x) => (x - mean(kls)) ** 2)) / (n - 1))
    expect(found.kl.standardError).toBeCloseTo(error, 6)
    expect(found.perplexity!.float).toBeCloseTo(Math.exp(mean(a)), 4)
    expect(found.perplexity!.quantized).toBeCloseTo(Math.exp(mean(b)), 4)
    const [x, y] = [Math.exp(mean(a)), Math.exp(mean(b))]
    // The difference of the two means, each weighed by its perplexity.
    const together = a.map((one, t) => y * b[t]! - x * one)
    const spreadOf = Math.sqrt(mean(together.map((one) => (one - mean(together)) ** 2)) / (n - 1))
    expect(found.perplexity!.differenceError).toBeCloseTo(spreadOf, 4)
    expect(found.rightToken!.mean).toBeCloseTo(mean(change), 6)
    expect(found.rightToken!.rms).toBeCloseTo(Math.sqrt(mean(change.map((one) => one * one))), 6)
    const order = (row: readonly number[]) =>
      row
        .map((v, i) => [v, i] as const)
        .sort((l, r) => r[0] - l[0] || l[1] - r[1])
        .map(([, i]) => i)
    const same = Array.from({ length: n }, (_, t) => order(float[t]!)[0] === order(other[t]!)[0])
    expect(found.top1Agreement).toBe(same.filter(Boolean).length / n)
    const five = Array.from({ length: n }, (_, t) => {
      const set = new Set(order(other[t]!).slice(0, 5))
      return (
        order(float[t]!)
          .slice(0, 5)
          .filter((i) => set.has(i)).length / 5
      )
    })
    expect(found.top5Agreement).toBeCloseTo(mean(five), 12)
  })

  it('context is read and not counted, padding neither', () => {
    const counted = (s: Sample) => {
      const meter = languageMeter()
      meter.add(s, rows(float), rows(other))
      return meter.figures()?.positions
    }
    expect(counted(sample(tokens, {}, 5))).toBe(2)
    expect(counted(sample(tokens, { attention_mask: ids([1, 1, 1, 1, 0, 0, 0]) }))).toBe(3)
    expect(counted(sample(tokens, { token_type_ids: ids([0, 0, 0, 0, 0, 0, 0]) }))).toBe(6)
  })

  it('a model that says the token itself has no perplexity', () => {
    const own = tokens.map((token) => Array.from({ length: CLASSES }, (_, i) => (i === token ? 9 : 0)))
    const meter = languageMeter()
    meter.add(sample(tokens), rows(own), rows(own))
    const found = meter.figures()!
    expect([found.perplexity, found.rightToken]).toEqual([undefined, undefined])
    expect(found.kl.mean).toBe(0)
    expect(found.top5Agreement).toBe(1)
  })

  it('numbers that are none in the candidate are as bad as can be, in float they are left out', () => {
    const broken = other.map((row, i) => (i === 2 ? row.map(() => Number.NaN) : row))
    const meter = languageMeter()
    meter.add(sample(tokens), rows(float), rows(broken))
    expect(meter.figures()!.kl.max).toBe(1e6)
    const reverse = languageMeter()
    reverse.add(sample(tokens), rows(broken), rows(other))
    expect(reverse.figures()!.positions).toBe(5)
  })

  it('hidden states are no scores', () => {
    const meter = languageMeter({ vocabulary: 30522 })
    const hidden = { last_hidden_state: floats([1, 7, CLASSES], float.flat()) }
    meter.add(sample(tokens), hidden, hidden)
    expect(meter.figures()).toBeUndefined()
  })
})
