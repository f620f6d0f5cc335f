import { expect, test } from 'vitest'
import type { ArrayScheme, LevelTable } from '../../../src/model/array-scheme.ts'
import {
  arrayScheme,
  decodeArray,
  dequantizeArray,
  encodeArray,
  quantizeArray,
  unpackedCodes,
  withCodes,
} from '../../../src/schemes/arrays/index.ts'
import { NF4, tableCodec } from '../../../src/schemes/tables/index.ts'
import { codes, differences, readGolden, values } from '../read.ts'

interface Case {
  kind: string
  name: string
  type: 'nf4' | 'fp4'
  block: number
  nested: boolean
  shape: number[]
  table: string
  x: string
  codes: string
  absmax: string
  back: string
  offset: string
  absmax2: string
  absmaxCodes: string
}

const { cases } = readGolden<Case>('bitsandbytes.json')
const tableOf = (name: string): Float32Array =>
  values(cases.find((one) => one.kind === 'table' && one.name === name)!.table)

const rows = cases.filter(({ kind }) => kind === '4 bits')

/** Any table of codes under an f32 scale a block. */
function blocks(levels: Float32Array, block: number): ArrayScheme {
  const order = Uint16Array.from(levels.keys()).sort((a, b) => levels[a]! - levels[b]!)
  const unique = order.filter((code, index) => index === 0 || levels[code] !== levels[order[index - 1]!])
  const table: LevelTable = { levels: Float32Array.from(unique, (code) => levels[code]!), codes: unique }
  return {
    id: 'table',
    codec: tableCodec(table, { decoded: levels, closed: absmax }),
    grouping: { kind: 'block', size: block },
  }
}

/** bitsandbytes always scales by it, though the dynamic table ends at -0.993 below. */
function absmax(all: Float32Array): number {
  return all.reduce((most, one) => Math.max(most, Math.abs(one)), 0)
}

/** Codes apart from theirs. Where the middle of two levels is no f32, theirs is rounded, and a value exactly on it may differ. */
function expectSameButOnMiddles(found: Uint16Array, golden: Case, scales: Float32Array, levels: Float32Array): void {
  const [x, theirs, sorted] = [values(golden.x), codes(golden.codes), levels.toSorted()]
  const middles = new Set(sorted.slice(1).map((level, index) => Math.fround((level + sorted[index]!) / 2)))
  for (const [index, code] of found.entries()) {
    if (code === theirs[index] || levels[code] === levels[theirs[index]!]) continue
    const scaled = Math.fround(x[index]! * Math.fround(1 / scales[Math.floor(index / golden.block)]!))
    expect(middles.has(scaled), `[${index}] ${code} instead of ${theirs[index]}`).toBe(true)
  }
}

test('the NF4 table', () => {
  expect(differences(NF4.levels, tableOf('nf4'))).toEqual([])
})

test.each(rows.filter(({ type, nested }) => type === 'nf4' && !nested))('quantize_4bit $name', (golden) => {
  const scheme = `nf4-block${golden.block}`
  const found = quantizeArray(values(golden.x), { scheme, shape: golden.shape, effort: 'closed' })
  const scales = found.parameters.scales as Float32Array
  const own = unpackedCodes(found, arrayScheme(found.scheme))
  expect(differences(scales, values(golden.absmax))).toEqual([])
  expectSameButOnMiddles(own, golden, scales, NF4.levels)
  // Their codes decode to their values.
  const read = dequantizeArray(withCodes(found, arrayScheme(scheme), Uint16Array.from(codes(golden.codes))))
  expect(differences(read, values(golden.back))).toEqual([])
})

test.each(rows.filter(({ type, nested }) => type === 'fp4' && !nested))(
  'quantize_4bit $name, by its own table',
  (golden) => {
    const levels = tableOf('fp4')
    const scheme = blocks(levels, golden.block)
    const found = encodeArray(values(golden.x), scheme, { shape: golden.shape, effort: 'closed' })
    const scales = found.parameters.scales as Float32Array
    expect(differences(scales, values(golden.absmax))).toEqual([])
    expectSameButOnMiddles(unpackedCodes(found, scheme), golden, scales, levels)
    const read = decodeArray(withCodes(found, scheme, Uint16Array.from(codes(golden.codes))), scheme)
    expect(differences(read, values(golden.back))).toEqual([])
  },
)

test('quantize_blockwise, dynamic 8-bit table', () => {
  const golden = cases.find(({ kind }) => kind === '8 bits')!
  const scheme = blocks(tableOf('dynamic 8 bits'), 256)
  const found = encodeArray(values(golden.x), scheme, { effort: 'closed' })
  expect(differences(found.parameters.scales!, values(golden.absmax))).toEqual([])
  const [x, levels, theirs] = [values(golden.x), tableOf('dynamic 8 bits'), codes(golden.codes)]
  for (const [index, code] of unpackedCodes(found, scheme).entries()) {
    if (code === theirs[index]) continue
    // The CPU backend looks codes up by a value cut to 2^-15: a neighbour when the middle is that near.
    const middle = (levels[code]! + levels[theirs[index]!]!) / 2
    const scaled = x[index]! / values(golden.absmax)[Math.floor(index / 256)]!
    expect(Math.abs(scaled - middle)).toBeLessThan(2 ** -15)
  }
  const read = decodeArray(withCodes(found, scheme, Uint16Array.from(theirs)), scheme)
  expect(differences(read, values(golden.back))).toEqual([])
})

test.each(rows.filter(({ nested }) => nested))('quantize_4bit $name: scales are mean + table', (golden) => {
  const plain = rows.find(({ nested, type, block }) => !nested && type === golden.type && block === golden.block)!
  const offset = values(golden.offset)[0]!
  const rest = values(plain.absmax).map((scale) => scale - offset)
  const scheme = blocks(tableOf('dynamic 8 bits'), 256)
  const found = encodeArray(rest, scheme, { effort: 'closed' })
  expect(differences(found.parameters.scales!, values(golden.absmax2))).toEqual([])
  expect(differences(unpackedCodes(found, scheme), codes(golden.absmaxCodes))).toEqual([])
  const scales = decodeArray(found, scheme).map((scale) => scale + offset)
  expect(differences(scales, values(golden.absmax))).toEqual([])
})
