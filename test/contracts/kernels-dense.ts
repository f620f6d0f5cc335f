import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { LEVEL_TABLE_BYTES, type LevelSearch, ScaleRule, SmallFloatFormat } from '../../src/model/kernels.ts'
import { decodeSmallFloat } from '../../src/numbers/small-floats.ts'
import { type Pair, SAMPLE_KINDS, sampleValues } from './kernels-pair.ts'

const RULES = Object.values(ScaleRule)
const FORMATS = Object.values(SmallFloatFormat)
const fround = Math.fround

/** Levels with the exact points between them as thresholds. */
export function searchOf(levels: number[], codes?: number[]): LevelSearch {
  return { levels, ...(codes && { codes }), thresholds: levels.slice(1).map((level, i) => (level + levels[i]!) / 2) }
}

const NF4 = [
  -1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0, 0.0795803, 0.1609302, 0.2461123,
  0.33791524, 0.44070983, 0.562617, 0.72295684, 1,
].map(fround)
const E2M1 = [-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6]
const E2M1_CODES = [15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7]
const IQ4NL = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
const SHIFT = [-1, -0.5, -0.25, -0.125, -0.0625, 0, 0.015625, 0.0625, 0.125, 0.25, 0.5, 1]

/** Tables that bins serve, tables that they cannot, and the small ones; with the most codes that fit a byte. */
const TABLES: readonly { search: LevelSearch; perByte: readonly number[] }[] = [
  { search: searchOf(NF4), perByte: [1, 2] },
  { search: searchOf(E2M1, E2M1_CODES), perByte: [1, 2] },
  { search: searchOf(IQ4NL), perByte: [1, 2] },
  { search: searchOf(SHIFT), perByte: [1, 2] },
  { search: searchOf([-3e38, -1e38, 0, 1e-38, 1, 2, 3].map(fround)), perByte: [1, 2] },
  { search: searchOf([1, 1 + 2 ** -23, 1 + 2 ** -22, 1 + 3 * 2 ** -23, 1.5, 2].map(fround)), perByte: [1, 2] },
  { search: searchOf([-1.5, -0.5, 0.5, 1.5]), perByte: [1, 2, 4] },
  { search: searchOf([-1, 0, 1]), perByte: [1, 2, 4, 5] },
  { search: searchOf([-1, 1]), perByte: [1, 2, 4, 5, 8] },
]

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 9 }),
  columns: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(256, 2559, 2560, 2561, 5200)),
  gap: fc.constantFrom(0, 0, 1, 3),
  block: fc.constantFrom(1, 3, 16, 20, 32, 64, 100, 256, 2600, 100_000),
  rule: fc.constantFrom(...RULES),
  half: fc.constantFrom<0 | 1>(0, 1),
  table: fc.nat(TABLES.length - 1),
  packing: fc.nat(4),
  format: fc.constantFrom(...FORMATS),
  signedZero: fc.constantFrom<0 | 1>(0, 1),
  levels: fc.integer({ min: 2, max: 256 }),
  kind: fc.nat(SAMPLE_KINDS - 1),
  seed: fc.nat(1000),
  offset: fc.constantFrom(0, 4, 20),
})
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never

/** The kernels of arrays: rows to dense codes and back. */
export function describeDense(pairOf: () => Pair): void {
  describe('dense rows', () => {
    let pair: Pair
    beforeAll(() => {
      pair = pairOf()
    })
    const place = (search: LevelSearch) => {
      const table = pair.area(LEVEL_TABLE_BYTES, 4)
      for (const engine of pair.engines) engine.prepareLevels(search, table)
      return table
    }

    it('gives the bits of the oracle', () => {
      fc.assert(
        fc.property(cases, (one) => agree(pair, one)),
        { seed: 4_021, numRuns: 150 },
      )
    })

    it('gives the bits of the oracle where values are not finite', () => {
      pair.clear()
      const values = sampleValues(100, 0, 3)
      for (const [i, bad] of [Infinity, -Infinity, Number.NaN, -Number.NaN].entries()) values[i * 7] = bad
      const src = pair.put(values, 'f32', 4)
      const scales = pair.put([0.25, 0, 3e38, 1.2e-38])
      const dst = pair.area(100)
      const given = [ScaleRule.Given, 1, 1, 0] as const
      for (const { search } of TABLES) {
        pair.call('packLevelRows', src, 100, 1, 100, 25, ...given, place(search), 1, scales, dst, 100)
      }
      pair.call('packIntegerRows', src, 100, 1, 100, 25, ...given, 8, 15, 1, scales, dst, 100)
      // The sign of a NaN that arithmetic makes is the machine's choice.
      for (const format of FORMATS) {
        pair.call('packFloatRows', src, 13, 1, 13, 13, ...given, format, 1, scales, dst, 100)
      }
    })

    it.each(TABLES)('tells $search.levels apart on both sides of every threshold', ({ search }) => {
      pair.clear()
      const word = new Int32Array(1)
      const float = new Float32Array(word.buffer)
      const values: number[] = []
      for (let i = 0; i + 1 < search.levels.length; i++) {
        float[0] = search.thresholds[i]!
        for (let step = -3; step <= 3; step++) {
          const moved = new Float32Array(Int32Array.of(word[0]! + step).buffer)[0]!
          if (Number.isFinite(moved)) values.push(moved)
        }
      }
      values.push(0, -0, 1e-45, -1e-45, 3.4e38, -3.4e38, 1e9, -1e9)
      for (let i = -700; i <= 700; i++) values.push((i / 500) * search.levels[0]!)
      const src = pair.put(values)
      const scale = pair.put([1])
      const codes = pair.area(values.length)
      const floats = pair.floats(src, values.length)
      const table = place(search)
      pair.call('packLevelRows', src, 0, 1, values.length, 1e5, ScaleRule.Given, 1, 1, 0, table, 1, scale, codes, 0)
      const stored = pair.bytes(codes, values.length)
      for (const [i, t] of floats.entries()) {
        let index = 0
        while (index + 1 < search.levels.length && t > search.thresholds[index]!) index++
        if (stored[i] !== (search.codes?.[index] ?? index)) throw new Error(`${t} took code ${stored[i]}, not ${index}`)
      }
    })

    it('finds scales worked out by hand', () => {
      pair.clear()
      const src = pair.put([1, -6, 2, 3, 0, 0, -4, 0.5, 0.5])
      const scales = pair.area(12)
      const fit = (rule: ScaleRule, up: number, down: number) => {
        pair.call('fitScaleRows', src, 9, 1, 9, 4, rule, up, down, 0, scales)
        return [...pair.floats(scales, 3)]
      }
      expect(fit(ScaleRule.Reach, 1, 2)).toEqual([3, 2, 0.5])
      expect(fit(ScaleRule.Reach, 2, 0)).toEqual([1.5, 0.25, 0.25])
      expect(fit(ScaleRule.Signed, 1, 2)).toEqual([3, 2, -0.25])
      expect(fit(ScaleRule.Signed, 4, 2)).toEqual([-1.5, -1, 0.125])
      expect(fit(ScaleRule.Signed, 2, 2)).toEqual([3, 2, 0.25])
      expect(fit(ScaleRule.Mean, 1, 1)).toEqual([3, 1.125, 0.5])
      // 0.7 * 3 leaves 6 and 3; 0.7 * 1.125 leaves 4
      expect(fit(ScaleRule.MeanBeyond, 1, 1)).toEqual([4.5, 4, 0.5])
    })

    it('packs digits worked out by hand', () => {
      pair.clear()
      const src = pair.put([-1, 0, 1, 1, 0, 0.4, 0.6, -0.6])
      const scales = pair.put([1])
      const packed = pair.area(4)
      const table = place(searchOf([-1, 0, 1]))
      const pack = (perByte: number, bytes: number) => {
        pair.call('packLevelRows', src, 8, 1, 8, 8, ScaleRule.Given, 1, 1, 0, table, perByte, scales, packed, 0)
        return [...pair.bytes(packed, bytes)]
      }
      expect(pack(5, 2)).toEqual([0 + 3 + 18 + 54 + 81, 1 + 6 + 0])
      expect(pack(4, 2)).toEqual([0b10_10_01_00, 0b00_10_01_01])
      const out = pair.area(32)
      pair.call('unpackLevelRows', packed, 0, 1, 8, 8, 4, table, scales, out, 0)
      expect([...pair.floats(out, 8)]).toEqual([-1, 0, 1, 1, 0, 0, 1, -1])
      const all = pair.put(
        Uint8Array.from({ length: 256 }, (_, i) => i),
        'u8',
      )
      const wide = pair.area(1280 * 4)
      for (const perByte of [1, 2, 4, 5]) {
        pair.call('unpackLevelRows', all, 0, 1, 256 * perByte, 256, perByte, table, pair.put([2, 2, 2, 2, 2]), wide, 0)
      }
      const signs = place(searchOf([-1, 1]))
      pair.call('packLevelRows', src, 8, 1, 8, 8, ScaleRule.Given, 1, 1, 0, signs, 8, scales, packed, 0)
      expect([...pair.bytes(packed, 1)]).toEqual([0b01101100])
    })

    it('writes the small float nearest every value, the even one of two', () => {
      for (const [name, format] of Object.entries(SmallFloatFormat)) {
        if (!['e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz'].includes(name)) continue
        pair.clear()
        const numberOf = (code: number) => decodeSmallFloat(code, name as 'e4m3fn')
        const finite = Array.from({ length: 128 }, (_, code) => code).filter((code) => Number.isFinite(numberOf(code)))
        const values = finite.flatMap((code) => {
          const between = (numberOf(code) + (numberOf(code + 1) || numberOf(code) * 2)) / 2
          return [numberOf(code), fround(between), fround(between * (1 - 1e-6)), fround(between * (1 + 1e-6))]
        })
        const wanted = finite.flatMap((code) => {
          const next = Math.min(code + 1, finite.length - 1)
          return [code, code % 2 === 0 ? code : next, code, next]
        })
        const src = pair.put([...values, ...values.map((x) => -x)])
        const codes = pair.area(values.length * 2)
        const scale = pair.put([1])
        const count = values.length * 2
        pair.call('packFloatRows', src, 0, 1, count, 9999, ScaleRule.Given, 1, 1, 0, format, 0, scale, codes, 0)
        const stored = pair.bytes(codes, count)
        expect([...stored.subarray(0, values.length)]).toEqual(wanted)
        expect([...stored.subarray(values.length)]).toEqual(wanted.map((code) => (code === 0 ? 0 : code + 128)))
        pair.call('packFloatRows', src, 0, 1, count, 9999, ScaleRule.Given, 1, 1, 0, format, 1, scale, codes, 0)
        expect(pair.bytes(codes, count)[values.length]).toBe(name.endsWith('fnuz') ? 0 : 128)
      }
    })

    it('refuses tables that are no tables', () => {
      const [engine] = pair.engines
      for (const search of [
        searchOf([1]),
        searchOf(Array.from({ length: 17 }, (_, i) => i)),
        searchOf([0, 1], [1, 16]),
      ]) {
        expect(() => engine.prepareLevels(search, pair.start)).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
      }
    })
  })
}

function agree(pair: Pair, one: Case): void {
  const { rows, columns, block, rule, half, format, signedZero } = one
  pair.clear()
  const { search, perByte: packings } = TABLES[one.table]!
  const table = pair.area(LEVEL_TABLE_BYTES, 4)
  for (const engine of pair.engines) engine.prepareLevels(search, table)
  const perByte = packings[one.packing % packings.length]!
  const stride = columns + one.gap
  const blocks = Math.ceil(columns / block)
  const src = pair.put(sampleValues(rows * stride, one.kind, one.seed), 'f32', one.offset)
  const scales = pair.put(sampleValues(rows * blocks, 1, one.seed), 'f32', 4)
  const packed = pair.area(rows * stride, 5)
  const decoded = pair.area(rows * stride * 4, 4)
  const reach = [rule, one.seed % 5, (one.seed >> 3) % 4, half] as const
  if (rule !== ScaleRule.Given) pair.call('fitScaleRows', src, stride, rows, columns, block, ...reach, scales)
  const apart = pair.floats(scales, rows * blocks)
  const zero = one.levels >> 1
  const dense = one.levels <= 2 ? 8 : one.levels <= 4 ? 4 : one.levels <= 16 ? 2 : 1
  pair.call(
    'packIntegerRows',
    src,
    stride,
    rows,
    columns,
    block,
    ...reach,
    zero,
    one.levels - 1,
    dense,
    scales,
    packed,
    stride,
  )
  pair.call('packFloatRows', src, stride, rows, columns, block, ...reach, format, signedZero, scales, packed, stride)
  pair.call('packLevelRows', src, stride, rows, columns, block, ...reach, table, perByte, scales, packed, stride)
  expect(pair.floats(scales, rows * blocks)).toEqual(apart)
  pair.call('unpackLevelRows', packed, stride, rows, columns, block, perByte, table, scales, decoded, stride)
  const levels = pair.put(sampleValues(256, 4, one.seed))
  pair.call('decodeByteRows', packed, stride, rows, columns, block, levels, scales, decoded, stride)
}
