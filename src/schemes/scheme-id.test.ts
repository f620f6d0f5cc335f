import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import type { SchemeSpec } from '../model/scheme.ts'
import {
  commonSchemeIds,
  formatFewBits,
  formatSchemeId,
  parseFewBits,
  parseSchemeId,
  tryParseSchemeId,
} from './scheme-id.ts'

const granularities = fc.oneof(
  fc.constant({ kind: 'tensor' as const }),
  fc.constant({ kind: 'channel' as const }),
  fc.integer({ min: 1, max: 1048576 }).map((size) => ({ kind: 'block' as const, size })),
)
const specs: fc.Arbitrary<SchemeSpec> = fc.oneof(
  fc.record({ family: fc.constant('half' as const), dtype: fc.constantFrom('f16' as const, 'bf16' as const) }),
  fc.record({
    family: fc.constant('integer' as const),
    bits: fc.constantFrom(2 as const, 4 as const, 8 as const),
    granularity: granularities,
    symmetric: fc.boolean(),
    scale: fc.constantFrom('f32' as const, 'f16' as const),
  }),
)

describe('scheme ids', () => {
  test('codes of few bits by channel, 3 among them, which is no scheme of its own', () => {
    const given = [
      'int4-channel-sym',
      'int3-channel',
      'int2-channel-asym-f32',
      'uint4-channel',
      'int8-channel-sym',
      'int5-channel',
    ]
    const found = given.map((id) => parseFewBits(id))
    expect(found.map((one) => one && formatFewBits(one))).toEqual([
      'int4-channel-sym',
      'int3-channel-sym',
      'int2-channel-asym',
      'int4-channel-asym',
      null,
      null,
    ])
    expect(tryParseSchemeId('int3-channel-asym')).toBeNull()
  })

  test('codes of tables have no sym or asym, and f32 scales unless said', () => {
    const given = ['nf4-block64-f32', 'fp4-run64-f16', 'ternary-channel', 'int3-block32-sym', 'e4m3fn-tensor-f32']
    const spelt = ['nf4-block64', 'fp4-run64-f16', 'ternary-channel', 'int3-block32', 'e4m3fn-tensor']
    expect(given.map((id) => formatSchemeId(parseSchemeId(id)))).toEqual(spelt)
    expect(parseSchemeId('nf4-block64')).toEqual({
      ...{
        family: 'levels',
        table: 'nf4',
        bits: 4,
        granularity: { kind: 'block', size: 64 },
        symmetric: true,
        scale: 'f32',
      },
    })
  })

  test('parse is the reverse of format', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(parseSchemeId(formatSchemeId(spec))).toEqual(spec)
      }),
    )
  })

  test('format gives one spelling for all of them', () => {
    const spellings: [string, string][] = [
      ['int8-channel', 'int8-channel-sym'],
      ['int8-channel-sym-f32', 'int8-channel-sym'],
      ['uint8-tensor', 'int8-tensor-asym'],
      ['uint8-tensor-sym', 'int8-tensor-sym'],
      ['int4-block32-asym-f16', 'int4-block32-asym-f16'],
      ['int4-block32-f16', 'int4-block32-sym-f16'],
      ['uint2-block64', 'int2-block64-asym'],
      ['f16', 'f16'],
      ['bf16', 'bf16'],
    ]
    for (const [id, canonical] of spellings) expect(formatSchemeId(parseSchemeId(id))).toBe(canonical)
  })

  test('common ids are canonical', () => {
    for (const id of commonSchemeIds()) expect(formatSchemeId(parseSchemeId(id))).toBe(id)
  })

  test.each([
    '',
    'int8',
    'int3-channel-asym',
    'nf4',
    'nf4-row',
    'nf4-block64-sym',
    'ternary-run64',
    'nf9-block64',
    'int8-chanel',
    'int8-block',
    'int8-block0',
    'int8-block032',
    'int8-block1048577',
    'int8-block9999999',
    'int8-channel-f16-sym',
    'int8-channel-sym-sym',
    'int8-channel-sym-f32-f32',
    'int8-channel-',
    'Int8-channel',
    'f16-channel',
    'int8-channel-sym\n',
    '__proto__',
  ])('refuses %j', (id) => {
    expect(() => parseSchemeId(id)).toThrow(TersorError)
    expect(tryParseSchemeId(id)).toBeNull()
  })

  test('never throws anything else, and what it takes it can write', () => {
    const pieces = fc.constantFrom('int', 'uint', '8', '4', '-', 'block', '32', 'sym', 'asym', 'f16', 'channel', 'x')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (list) => {
        const spec = tryParseSchemeId(list.join(''))
        if (spec !== null) expect(parseSchemeId(formatSchemeId(spec))).toEqual(spec)
      }),
    )
  })

  test('an unknown id comes with near names and is shortened', () => {
    const errorOf = (id: string) => {
      try {
        parseSchemeId(id)
      } catch (error) {
        return error as TersorError
      }
      return undefined
    }
    expect(errorOf('int8-chanel-sym')).toMatchObject({
      code: 'E_USAGE',
      hint: expect.stringContaining('int8-channel-sym'),
    })
    expect(errorOf('x'.repeat(100_000))!.message.length).toBeLessThan(300)
  })
})
