import { describe, expect, test } from 'vitest'
import { op } from '../../test/fixtures/graph-sketch.ts'
import { weightFacts, weightUse } from '../../test/fixtures/quantized-weight.ts'
import type { WeightFacts, WeightRole } from '../model/inventory.ts'
import { formatSchemeId, parseSchemeId } from '../schemes/index.ts'
import { resolveTarget } from '../targets/index.ts'
import { PRESETS } from './ask.ts'
import { forms, partOf } from './forms.ts'
import { optionsOf, optionsOfScheme, resolveAuto } from './options.ts'

const ort = resolveTarget('ort')
const node = op('MatMul', 'x w', 'y')
/** No elements: options depend on shapes and uses only. */
const weight = (shape: readonly number[], ...roles: WeightRole[]): WeightFacts => {
  const storage = { kind: 'produced', byteLength: shape.reduce((product, size) => product * size, 4) } as const
  return weightFacts(
    { name: 'w', dtype: 'f32', shape, storage },
    roles.map((role) => weightUse(node, 1, role, null, null)),
  )
}

const small = weight([64, 64], 'matmul')
const large = weight([1024, 1024], 'gemm')

describe('partOf', () => {
  test.each<[string, WeightRole[]]>([
    ['linear', ['matmul', 'gemm']],
    ['table', ['gather', 'gather']],
    ['tied', ['gather', 'matmul']],
    ['lstm', ['lstm-r']],
    ['recurrent', ['gru-w']],
    ['convolution', ['conv', 'conv-transpose']],
    ['bias', ['bias']],
    ['other', ['matmul', 'other']],
    ['other', ['lstm-w', 'lstm-r']],
    ['other', []],
  ])('%s: %s', (part, roles) => {
    expect(partOf(weight([4, 4], ...roles))).toBe(part)
  })
})

describe('optionsOf', () => {
  const first = (preset: string, one: WeightFacts, target = ort) => {
    const [option] = optionsOf(preset, one, target)
    return option && { form: option.form, specs: option.specs.map(formatSchemeId) }
  }

  test.each<[string, string, WeightFacts, string, string[]]>([
    ['int8', 'an LSTM', weight([1, 8, 4], 'lstm-w'), 'dynamic-lstm', ['int8-channel-sym']],
    ['int8-static', 'an LSTM', weight([1, 8, 4], 'lstm-w'), 'dynamic-lstm', ['int8-channel-sym']],
    ['int8', 'a table', weight([9, 9], 'gather'), 'gather-rows', ['int8-channel-sym-f16', 'int8-channel-asym-f16']],
    ['int8', 'a convolution', weight([8, 8, 3, 3], 'conv'), 'expand', ['int8-channel-sym', 'int8-channel-asym']],
    ['int8', 'a GRU', weight([1, 8, 4], 'gru-w'), 'expand', ['int8-channel-sym', 'int8-channel-asym']],
    ['int8-weights', 'a matrix', small, 'expand', ['int8-channel-sym', 'int8-channel-asym']],
    ['int4-weights', 'a large matrix', large, 'matmul-nbits', ['int4-block32-sym', 'int4-block32-asym']],
    ['int4-weights', 'a tied table', weight([9, 64], 'gather', 'matmul'), 'matmul-nbits', ['int8-block64-sym']],
    [
      'int4-weights',
      'a convolution',
      weight([8, 8, 3, 3], 'conv'),
      'expand',
      ['int8-channel-sym', 'int8-channel-asym'],
    ],
    ['fp16-weights', 'a matrix', small, 'half', ['f16']],
    ['bf16-weights', 'a large matrix', large, 'half', ['bf16']],
  ])('%s of %s', (preset, _, one, form, specs) => {
    expect(first(preset, one)).toEqual({ form, specs })
  })

  test('int8 of a matrix: integer products first, their codes unsigned, then storage', () => {
    const options = optionsOf('int8', small, ort)
    const products = options.filter(({ because }) => because.code === 'saturation')
    expect(products.map(({ form }) => form)).toEqual(expect.arrayContaining(['matmul-integer', 'dynamic-matmul']))
    expect(options.slice(0, products.length)).toEqual(products)
    expect(options.slice(products.length).map(({ form }) => form)).toEqual(['expand'])
  })

  test('small matrices get f16 scales and may have smaller blocks; the kernels of large ones want f32', () => {
    const small4 = first('int4-weights', small)?.specs
    expect(small4).toHaveLength(4)
    for (const id of small4 ?? []) expect(id).toMatch(/^int4-block(16|32)-a?sym-f16$/)
    expect(first('int2-weights', large)?.specs).toEqual(['int2-block32-sym', 'int2-block32-asym'])
  })

  test('a target without integer products or half scales gets what it has', () => {
    const webgpu = resolveTarget('ort-web-webgpu')
    expect(first('int8', small, webgpu)?.form).toBe('expand')
    expect(first('int8', weight([1, 8, 4], 'lstm-w'), webgpu)?.form).toBe('expand')
    expect(first('int4-weights', small, webgpu)?.specs).toEqual(['int4-block32-sym', 'int4-block32-asym'])
  })

  test('every preset ends in something every weight can be, on forms that exist, with a reason', () => {
    // q4, q2 and bnb4 are what transformers.js means by it: linear layers only.
    for (const preset of PRESETS.filter((name) => !['auto', 'q4', 'q2', 'bnb4'].includes(name))) {
      for (const one of [
        small,
        large,
        weight([9, 9], 'gather'),
        weight([1, 8, 4], 'lstm-r'),
        weight([9, 9], 'other'),
      ]) {
        const options = optionsOf(preset, one, ort)
        expect(['half', 'expand']).toContain(options.at(-1)?.form)
        for (const { form, specs, because } of options) {
          expect(forms.has(form)).toBe(true)
          expect(specs.length).toBeGreaterThan(0)
          expect(because.text).not.toBe('')
        }
      }
    }
  })
})

describe('optionsOfScheme', () => {
  const order = (id: string, one: WeightFacts) => optionsOfScheme(parseSchemeId(id), one, id).map(({ form }) => form)

  test.each<[string, string, WeightFacts, string[]]>([
    ['int4-block32-sym', 'a matrix', small, ['matmul-nbits', 'dequantize']],
    ['int4-block32-sym', 'a table', weight([9, 64], 'gather'), ['gather-block', 'dequantize']],
    ['int4-block32-sym', 'a tied table', weight([9, 64], 'gather', 'gemm'), ['matmul-nbits', 'dequantize']],
    ['int4-block32-sym', 'an LSTM', weight([1, 8, 4], 'lstm-w'), ['dequantize']],
    ['int8-channel-sym', 'a matrix', small, ['expand', 'dequantize']],
    ['int8-tensor-sym', 'a table', weight([9, 64], 'gather'), ['gather-rows', 'expand', 'dequantize']],
    ['int4-channel-sym', 'a matrix', small, ['dequantize', 'expand']],
    ['f16', 'a matrix', small, ['half']],
  ])('%s of %s', (id, _, one, expected) => {
    expect(order(id, one)).toEqual(expected)
  })

  test('the scheme is the asked one, and the reason says so', () => {
    for (const option of optionsOfScheme(parseSchemeId('int4-block16-asym-f16'), small, 'int4-block16-asym-f16')) {
      expect(option.specs.map(formatSchemeId)).toEqual(['int4-block16-asym-f16'])
      expect(option.because).toEqual({ code: 'asked', text: 'asked for as int4-block16-asym-f16' })
    }
  })
})

test.each([
  ['recurrent', 0, false, 'int8'],
  ['transformer', 0.8, true, 'int8'],
  ['mlp', 0.8, true, 'int8'],
  ['transformer', 0.8, false, 'int8-weights'],
  ['transformer', 0.1, true, 'int8-weights'],
  ['convolutional', 0.5, true, 'int8-weights'],
  ['other', 1, true, 'int8-weights'],
] as const)('auto for %s, linear share %f, wide %s: %s', (family, share, wide, preset) => {
  const chosen = resolveAuto(family, share, wide)
  expect(chosen.preset).toBe(preset)
  expect(chosen.because.length).toBeGreaterThan(20)
})
