import { describe, expect, it } from 'vitest'
import { codecContract } from '../../../test/contracts/codec.ts'
import { arrayFunctions } from './array-functions.ts'
import { INTEGERS } from './integers.ts'

const { arrayScheme, quantizeArray, dequantizeArray } = arrayFunctions([INTEGERS])

for (const id of [
  'int8-tensor',
  'int8-tensor-asym',
  'int4-block32',
  'int4-block32-signed-f16',
  'int4-block32-asym-f16',
  'int4-block16-offset',
  'int3-block8-offset-f16',
  'int2-block16-signed',
  'int1-tensor',
  'int16-tensor',
  'uint5-row',
  'levels7-tensor-sym',
  'levels8-tensor',
  'levels3-block5-asym-bf16',
]) {
  codecContract(arrayScheme(id), { scales: !/f16/.test(id) })
}

const random = Float32Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 500 - 1)

describe('quantizeArray', () => {
  it('is within half a step of what it was, from the least to the largest value', () => {
    for (const bits of [1, 2, 3, 5, 8, 11, 16]) {
      const quantized = quantizeArray(random, { bits })
      expect(quantized.scheme).toBe(`levels${2 ** bits}-tensor`)
      const step = quantized.parameters.scales![0] as number
      expect(step).toBeCloseTo((random.reduce((a, b) => Math.max(a, b)) + 1) / (2 ** bits - 1), 6)
      const back = dequantizeArray(quantized)
      for (const [i, x] of random.entries()) expect(Math.abs(x - back[i]!)).toBeLessThanOrEqual(step / 2 + 2e-7)
    }
  })

  it('takes any count of levels', () => {
    const quantized = quantizeArray([0, 1, 2, 3, 4, 5, 6], { levels: 7 })
    expect([...dequantizeArray(quantized)]).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(quantized.codes.length).toBe(3)
  })

  it('packs codes without gaps, lowest bits first', () => {
    const { codes, parameters } = quantizeArray([-4, -1, 0, 3, 1], { scheme: 'int3-tensor', grid: { scales: 1 } })
    expect(parameters.scales).toEqual(Float32Array.of(1))
    const stream = [0, 3, 4, 7, 5].reduce((sum, code, i) => sum + code * 8 ** i, 0)
    expect([...codes]).toEqual([stream % 256, stream >> 8])
  })

  it('keeps the parameters of groups apart: rows, columns, channels, blocks, tiles', () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => (i + 1) * (i % 2 ? -1 : 1))
    for (const [grouping, groups] of [
      ['row', 6],
      ['column', 4],
      ['channel', 2],
      ['channel1', 3],
      ['block3', 12],
      ['tile2x3', 8],
    ] as const) {
      const quantized = quantizeArray(values, { scheme: `int8-${grouping}`, shape: [2, 3, 4], effort: 'closed' })
      expect(quantized.parameters.scales?.length).toBe(groups)
      const back = dequantizeArray(quantized)
      for (const [i, x] of values.entries()) expect(Math.abs(x - back[i]!)).toBeLessThanOrEqual(24 / 254 + 1e-6)
    }
  })

  it('rounds as it is told', () => {
    const values = [0.5, 1.5, -0.5, -1.5, 0.2, -0.2]
    const codes = (rounding: 'half-even' | 'half-away' | 'floor' | 'truncate') =>
      [...quantizeArray(values, { scheme: 'int8-tensor', grid: { scales: 1 }, rounding }).codes].map((c) => c - 128)
    expect(codes('half-even')).toEqual([0, 2, 0, -2, 0, 0])
    expect(codes('half-away')).toEqual([1, 2, -1, -2, 0, 0])
    expect(codes('floor')).toEqual([0, 1, -1, -2, 0, -1])
    expect(codes('truncate')).toEqual([0, 1, 0, -1, 0, 0])
  })

  it('rounds stochastically without bias, the same for a seed', () => {
    const values = new Float32Array(20_000).fill(0.3)
    const once = quantizeArray(values, { scheme: 'int8-tensor', grid: { scales: 1 }, rounding: 'stochastic', seed: 7 })
    const again = quantizeArray(values, { scheme: 'int8-tensor', grid: { scales: 1 }, rounding: 'stochastic', seed: 7 })
    const other = quantizeArray(values, { scheme: 'int8-tensor', grid: { scales: 1 }, rounding: 'stochastic', seed: 8 })
    expect(again.codes).toEqual(once.codes)
    expect(other.codes).not.toEqual(once.codes)
    const mean = dequantizeArray(once).reduce((sum, x) => sum + x, 0) / values.length
    expect(Math.abs(mean - 0.3)).toBeLessThan(0.015)
  })

  it('takes a range instead of the extremes', () => {
    const quantized = quantizeArray([-3, 0, 0.5, 9], { levels: 5, range: { min: -1, max: 1 } })
    expect([...dequantizeArray(quantized)]).toEqual([-1, 0, 0.5, 1])
  })

  it('spends precision where importance says', () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? 10 : Math.fround(0.9 + (i % 5) / 50)))
    const importance = values.map((x) => (x === 10 ? 0 : 1))
    const error = (weights: Float32Array | undefined) => {
      const back = dequantizeArray(
        quantizeArray(values, { scheme: 'int3-tensor', ...(weights ? { importance: weights } : {}) }),
      )
      return values.reduce((sum, x, i) => sum + importance[i]! * (x - back[i]!) ** 2, 0)
    }
    expect(error(importance)).toBeLessThan(error(undefined) / 2)
  })

  it('refuses what it cannot do, in words', () => {
    const refuse = (options: object, words: RegExp) => expect(() => quantizeArray(random, options)).toThrow(words)
    refuse({}, /scheme, bits or levels/)
    refuse({ bits: 0 }, /bits from 1 to 16, found 0/)
    refuse({ bits: 33 }, /bits from 1 to 16, found 33/)
    refuse({ levels: 1 }, /2 to 65536 levels, found 1/)
    refuse({ bits: 8, levels: 8 }, /8 bits have 256 levels/)
    refuse({ scheme: 'int8-row', bits: 8 }, /both/)
    refuse({ scheme: 'int9-row' }, /expected a scheme/)
    refuse({ scheme: 'int8' }, /expected a scheme/)
    refuse({ scheme: 'int8-row-asym-f17' }, /expected a scheme/)
    refuse({ scheme: 'int8-row', shape: [10, 10] }, /shape of 1000 values/)
    refuse({ scheme: 'int8-row', shape: [-1000] }, /shape/)
    refuse({ scheme: 'int8-row', range: { min: 2, max: 1 } }, /min <= max/)
    refuse({ scheme: 'int8-row', range: { min: -1e300, max: 1 } }, /min <= max/)
    refuse({ scheme: 'int8-row', importance: [1, 2] }, /importance weights/)
    refuse({ scheme: 'int8-row', importance: new Float32Array(1000).fill(-1) }, /importance weight 0/)
    refuse({ scheme: 'int8-row', rounding: 'up' as never }, /rounding/)
    refuse({ scheme: 'int8-row', effort: 'hard' as never }, /effort/)
    refuse({ scheme: 'int8-row', seed: -1 }, /seed/)
    refuse({ scheme: 'int8-row', grid: { zeros: 1 } }, /grid of scales/)
    refuse({ scheme: 'uint8-row', grid: { scales: 1 } }, /lacks "zeros"/)
    refuse({ scheme: 'uint8-row', grid: { scales: 1, zeros: 300 } }, /cannot be stored/)
    refuse({ scheme: 'int8-row', grid: { scales: [1, 2] } }, /expected 1 scales/)
  })
})

it('says what it takes to callers without types', () => {
  const call = quantizeArray as (values: unknown, options?: unknown) => unknown
  for (const values of [null, undefined, new ArrayBuffer(8), BigInt64Array.of(1n), '12', 7, ['a']]) {
    expect(() => call(values, { bits: 8 })).toThrow(/expected an array of numbers/)
  }
  expect(() => call([1, 2])).toThrow(/scheme, bits or levels/)
})

describe('dequantizeArray', () => {
  const good = quantizeArray(random, { scheme: 'int4-block32-asym', shape: [10, 100] })
  it('refuses parts that do not fit', () => {
    const refuse = (changes: object, words: RegExp) =>
      expect(() => dequantizeArray({ ...good, ...changes } as typeof good)).toThrow(words)
    refuse({ codes: good.codes.subarray(1) }, /bytes of codes/)
    refuse({ shape: [1e8, 1e8] }, /cannot hold/)
    refuse({ shape: [0.5] }, /shape of counts/)
    // Infinity times 0.
    refuse({ shape: [...new Array(40).fill(1e9), 0] }, /cannot hold/)
    refuse({ parameters: { scales: good.parameters.scales } }, /"zeros" as Uint8Array of 40, found nothing/)
    refuse({ parameters: { ...good.parameters, scales: new Float32Array(3) } }, /Float32Array of 40/)
    refuse({ scheme: 'nope' }, /expected a scheme/)
    for (const part of ['scheme', 'shape', 'codes', 'parameters']) {
      refuse({ [part]: undefined }, /scheme, shape, codes, parameters/)
    }
  })
  it('lays out nothing for empty arrays of any shape', () => {
    for (const scheme of ['int8-channel', 'int8-tile1000000x1000000', 'int8-column', 'int8-row', 'int8-tensor']) {
      const shape = [0, 1e9, 1e9]
      const empty = quantizeArray([], { scheme, shape })
      expect(empty.codes.length).toBe(0)
      expect(dequantizeArray(empty).length).toBe(0)
    }
  })
  it('refuses codes beyond the levels', () => {
    const seven = quantizeArray([0, 1, 2], { levels: 7 })
    expect(() => dequantizeArray({ ...seven, codes: Uint8Array.of(0xff, 0x01) })).toThrow(/code 0 is 7/)
  })
})
