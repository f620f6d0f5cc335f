import { describe, expect, test } from 'vitest'
import { floats } from '../../test/fixtures/graph-sketch.ts'
import { weightFacts } from '../../test/fixtures/quantized-weight.ts'
import type { Verdict } from '../model/report.ts'
import { parseSchemeId } from '../schemes/index.ts'
import { resolveTarget } from '../targets/index.ts'
import type { Ask } from './ask.ts'
import { fallBack, neededReduction, nextStep, relax } from './attempts.ts'
import type { Decided } from './run.ts'
import { tensorKey } from './tensor-key.ts'

const verdict = (metric: string, value: number, found: number, status: Verdict['status'] = 'refused'): Verdict => ({
  status,
  data: 'given',
  samples: 1,
  because: '',
  outputs: [],
  worst: [],
  filled: [],
  threshold: { metric, value, found },
})

describe('neededReduction', () => {
  test.each([
    // Cosine falls linearly with noise power: 4 times too far away, a quarter of the noise.
    ['cosine', 0.999, 0.996, 0.25],
    ['kl', 0.1, 0.4, 0.25],
    // First choices that change go with the square root.
    ['top1Agreement', 0.98, 0.96, 0.25],
    ['equal', 0.98, 0.9, 0.04],
    ['maxAbs', 1, 2, 0.5],
    ['loss', 0.01, 0.04, 0.25],
  ])('%s %f, found %f', (metric, value, found, reduction) => {
    expect(neededReduction(verdict(metric, value, found))).toBeCloseTo(reduction, 9)
  })

  test('none where more precision is no answer', () => {
    expect(neededReduction(verdict('cosine', 0.999, 0.99, 'proven'))).toBeNull()
    expect(neededReduction(verdict('kl', 0.1, 0))).toBeNull()
    const { threshold: _, ...broken } = verdict('cosine', 0.999, 0.5)
    expect(neededReduction(broken)).toBeNull()
  })
})

const ASK: Ask = {
  to: 'int8-weights',
  target: resolveTarget('ort'),
  rules: [],
  solver: undefined,
  lowering: undefined,
  seed: 0,
  everything: false,
  measure: true,
}

interface Weight {
  readonly name: string
  readonly elements: number
  readonly noise: number
  readonly scheme?: string
  readonly form?: string
  readonly because?: string
}

function decided(weights: readonly Weight[], preset = 'int8-weights') {
  const work = weights.map(({ name, elements, scheme = 'int8-channel-sym', form = 'expand' }) => ({
    weight: weightFacts(floats(name, [1, elements]), []),
    form,
    spec: parseSchemeId(scheme),
    solver: 'search',
    packing: null,
    parts: [],
    groups: new Map(),
  }))
  const decisions = weights.map(({ name, because = 'default' }) => ({
    tensor: { scope: [], name },
    because: { code: because, text: '' },
  }))
  const noise = new Map(weights.map((one) => [tensorKey([], one.name), one.noise]))
  return { decided: { plan: { preset, work, decisions } } as unknown as Decided, noise }
}

const relaxedBy = (weights: readonly Weight[], reduction: number, ask = ASK) => {
  const { decided: plan, noise } = decided(weights)
  const next = relax(plan, noise, reduction, ask)
  return next === null
    ? null
    : Object.fromEntries([...(next.relaxed ?? [])].map(([key, { what }]) => [JSON.parse(key)[1], what]))
}

describe('relax', () => {
  test('takes the weights with most noise per element until enough is gone, and no more', () => {
    const weights = [
      { name: 'wide', elements: 9000, noise: 40 },
      { name: 'narrow', elements: 300, noise: 40 },
      { name: 'small', elements: 600, noise: 15 },
      { name: 'quiet', elements: 100, noise: 5 },
    ]
    expect(relaxedBy(weights, 0.7)).toEqual({ narrow: 'fp16-weights' })
    expect(relaxedBy(weights, 0.62)).toEqual({ narrow: 'fp16-weights', quiet: 'fp16-weights' })
    expect(relaxedBy(weights, 0.5)).toEqual({ narrow: 'fp16-weights', quiet: 'fp16-weights', small: 'fp16-weights' })
  })

  test('each form has its next rung', () => {
    const others = { name: 'rest', elements: 10_000, noise: 1 }
    const rung = (scheme: string, form: string) =>
      relaxedBy([{ name: 'w', elements: 500, noise: 99, scheme, form }, others], 0.5)?.w
    expect(rung('int4-block32-sym', 'matmul-nbits')).toBe('int8-weights')
    expect(rung('int2-block16-asym', 'matmul-nbits')).toBe('int8-weights')
    expect(rung('int8-channel-sym', 'matmul-integer')).toBe('int8-weights')
    expect(rung('int8-channel-sym', 'dynamic-lstm')).toBe('int8-weights')
    expect(rung('int8-channel-sym', 'expand')).toBe('fp16-weights')
    expect(rung('f16', 'half')).toBeUndefined()
  })

  test('not beyond a share of the elements: that would be something else than was asked for', () => {
    const four = (elements: number): Weight => ({
      name: 'w',
      elements,
      noise: 99,
      scheme: 'int4-block32-sym',
      form: 'nbits',
    })
    const rest = (elements: number): Weight => ({ name: 'rest', elements, noise: 1 })
    expect(relaxedBy([four(2400), rest(7600)], 0.5)).toEqual({ w: 'int8-weights' })
    expect(relaxedBy([four(2600), rest(7400)], 0.5)).toBeNull()
  })

  test('null when all rungs together do not reach the goal, and when there is no noise', () => {
    expect(relaxedBy([{ name: 'w', elements: 10, noise: 1, scheme: 'f16', form: 'half' }], 0.5)).toBeNull()
    expect(relaxedBy([{ name: 'w', elements: 10, noise: 0 }], 0.5)).toBeNull()
  })

  test('what a rule asked for stays', () => {
    const rules = [{ text: 'w=int8-channel-sym', pattern: 'w', what: 'int8-channel-sym' }]
    const weights = [
      { name: 'w', elements: 100, noise: 99, because: 'asked' },
      { name: 'rest', elements: 10_000, noise: 1 },
    ]
    expect(relaxedBy(weights, 0.5, { ...ASK, rules })).toBeNull()
    expect(relaxedBy(weights, 0.5)).toEqual({ w: 'fp16-weights' })
  })

  test('a second attempt keeps what the first relaxed', () => {
    const { decided: first, noise } = decided([
      { name: 'a', elements: 100, noise: 60 },
      { name: 'b', elements: 100, noise: 39 },
      { name: 'rest', elements: 10_000, noise: 1 },
    ])
    const once = relax(first, noise, 0.5, ASK) as Ask
    expect([...(once.relaxed ?? []).keys()]).toEqual([tensorKey([], 'a')])
    const { decided: second } = decided([
      { name: 'a', elements: 100, noise: 0, scheme: 'f16', form: 'half' },
      { name: 'b', elements: 100, noise: 0 },
      { name: 'rest', elements: 10_000, noise: 0 },
    ])
    const twice = relax(second, noise, 0.5, once) as Ask
    expect([...(twice.relaxed ?? []).keys()]).toEqual([tensorKey([], 'a'), tensorKey([], 'b')])
    expect(nextStep(twice, once)).toBe('tried again with more precision for 2 tensors')
  })
})

describe('fallBack', () => {
  const from = (preset: string, to = 'auto') => fallBack(decided([], preset).decided, { ...ASK, to }, { ...ASK, to })

  test('auto goes on with the next safer preset, without what was relaxed', () => {
    const relaxed = new Map([[tensorKey([], 'w'), { what: 'fp16-weights', remains: 1 / 1000, text: '' }]])
    const next = fallBack(decided([], 'int8').decided, { ...ASK, to: 'auto' }, { ...ASK, to: 'auto', relaxed })
    expect(next).toMatchObject({ to: 'int8-weights' })
    expect(next?.relaxed).toBeUndefined()
    expect(from('int8-weights')?.to).toBe('fp16-weights')
    expect(from('fp16-weights')).toBeNull()
  })

  test('what was asked for by name is not exchanged', () => {
    expect(from('int8', 'int8')).toBeNull()
  })

  test('in words', () => {
    expect(nextStep({ ...ASK, to: 'int8-weights' }, { ...ASK, to: 'auto' })).toBe('tried again as int8-weights')
  })
})
