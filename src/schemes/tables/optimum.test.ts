import { describe, expect, it } from 'vitest'
import { CASES, groupOf } from '../../../test/contracts/codec.ts'
import type { Effort, LevelTable } from '../../model/array-scheme.ts'
import { uniform } from '../../numbers/rounding.ts'
import { decodeSmallFloat } from '../../numbers/small-floats.ts'
import { parseArrayScheme } from '../arrays/scheme-grammar.ts'
import { additivePowersTable } from './additive-powers.ts'
import { BINARY } from './binary.ts'
import { TABLE_FAMILIES } from './families.ts'
import { floatTable } from './float-table.ts'
import { IQ4NL } from './iq4nl.ts'
import { mxTable } from './mx.ts'
import { NF2, NF3, NF4 } from './normal-float.ts'
import { shiftTable } from './shift.ts'
import { TERNARY } from './ternary.ts'

/** Blocks of every kind of values: 60 in CI, 2,000 when the night asks for 10,000 cases. */
const BLOCKS = CASES / 5

function gaussian(seed: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, 2 * index)))
  return radius * Math.cos(2 * Math.PI * uniform(seed, 2 * index + 1))
}

/** Gaussian, Student-t of 5 degrees, uniform, sparse, with an outlier: in turn. */
function blockOf(number: number, size: number): Float32Array {
  const normal = (index: number) => gaussian(number, index)
  const values = Float32Array.from({ length: size }, (_, index) => {
    switch (number % 5) {
      case 1: {
        let sum = 0
        for (let degree = 1; degree <= 5; degree++) sum += normal(index + degree * size) ** 2
        return normal(index) / Math.sqrt(sum / 5)
      }
      case 2:
        return 2 * uniform(number, index) - 1
      case 3:
        return uniform(number + 1000, index) < 0.7 ? 0 : normal(index)
      default:
        return normal(index)
    }
  })
  if (number % 5 === 4) values[number % size]! *= 12
  return values.map((x) => x * 0.05)
}

/** Squared error with the nearest of scale * level, by looking at all of them. */
function errorOf(values: Float32Array, levels: ArrayLike<number>, scale: number): number {
  let sum = 0
  for (const x of values) {
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < levels.length; i++) least = Math.min(least, (x - scale * levels[i]!) ** 2)
    sum += least
  }
  return sum
}

/** Least error over a list of scales. */
function bestOf(values: Float32Array, levels: ArrayLike<number>, scales: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY
  for (const scale of scales) least = Math.min(least, errorOf(values, levels, scale))
  return least
}

/** Least error over all real scales: every assignment to nearest levels that some scale gives, each with its own best scale. */
function bestOfAll(values: Float32Array, { levels }: LevelTable, signed: boolean): number {
  let least = values.reduce((sum, x) => sum + x * x, 0)
  for (const sign of signed ? [1, -1] : [1]) {
    const places: number[] = []
    for (const x of values) {
      for (let i = 0; i + 1 < levels.length; i++) {
        const place = (levels[i]! + levels[i + 1]!) / 2 / (sign * x)
        if (place > 0 && Number.isFinite(place)) places.push(place)
      }
    }
    places.sort((a, b) => a - b)
    places.push((places.at(-1) ?? 1) * 2)
    let before = 0
    for (const place of places) {
      const inverse = sign * ((before + place) / 2)
      before = place
      let cross = 0
      let square = 0
      const nearest = Array.from(values, (x) => {
        let level = levels[0]!
        for (const other of levels) if (Math.abs(x * inverse - other) < Math.abs(x * inverse - level)) level = other
        cross += x * level
        square += level * level
        return level
      })
      if (!(sign * cross > 0)) continue
      const scale = cross / square
      least = Math.min(
        least,
        nearest.reduce((sum, level, i) => sum + (values[i]! - scale * level) ** 2, 0),
      )
    }
  }
  return least
}

const E8M0 = Array.from({ length: 40 }, (_, step) => 2 ** (step - 30))
const E4M3 = Array.from({ length: 126 }, (_, code) => decodeSmallFloat(code + 1, 'e4m3fn'))

interface Bar {
  readonly id: string
  readonly table: LevelTable
  readonly size: number
  readonly efforts: readonly Effort[]
}

const REAL: readonly Bar[] = [
  { id: 'nf4-tensor', table: NF4, size: 32, efforts: ['fast', 'exact'] },
  { id: 'nf4-tensor-signed', table: NF4, size: 16, efforts: ['fast', 'exact'] },
  { id: 'nf4-tensor-f16', table: NF4, size: 16, efforts: ['exact'] },
  { id: 'nf3-tensor', table: NF3, size: 32, efforts: ['fast', 'exact'] },
  { id: 'nf2-tensor-signed', table: NF2, size: 32, efforts: ['fast', 'exact'] },
  { id: 'iq4nl-tensor', table: IQ4NL, size: 32, efforts: ['fast', 'exact'] },
  { id: 'iq4nl-tensor-signed', table: IQ4NL, size: 32, efforts: ['fast', 'exact'] },
  { id: 'binary-tensor', table: BINARY, size: 64, efforts: ['closed'] },
  { id: 'ternary-tensor', table: TERNARY, size: 64, efforts: ['fast', 'exact'] },
  { id: 'shift3-tensor', table: shiftTable(3), size: 32, efforts: ['fast', 'exact'] },
  { id: 'shift4nz-tensor', table: shiftTable(4, false), size: 16, efforts: ['fast', 'exact'] },
  { id: 'apot4-tensor', table: additivePowersTable(4), size: 32, efforts: ['fast', 'exact'] },
  { id: 'e2m1-tensor', table: floatTable('e2m1'), size: 32, efforts: ['fast', 'exact'] },
  { id: 'e2m3-tensor', table: floatTable('e2m3'), size: 16, efforts: ['fast', 'exact'] },
]

const POWERS: readonly Bar[] = [
  ...(['mxfp8e4m3', 'mxfp8e5m2', 'mxfp6e2m3', 'mxfp6e3m2', 'mxfp4', 'mxint8'] as const).map(
    (id): Bar => ({ id, table: mxTable(id), size: 32, efforts: ['exact'] }),
  ),
  { id: 'nf4-block32-e8m0', table: NF4, size: 32, efforts: ['exact'] },
]

const FLOATS_OF_FLOAT: readonly Bar[] = [
  { id: 'nvfp4', table: floatTable('e2m1'), size: 16, efforts: ['fast', 'exact'] },
  { id: 'nf4-block16-e4m3fn', table: NF4, size: 16, efforts: ['fast', 'exact'] },
  { id: 'iq4nl-block16-e4m3fn', table: IQ4NL, size: 16, efforts: ['fast', 'exact'] },
]

/** Sum of errors over all blocks, found and least, per effort. */
function distances({ id, size, efforts }: Bar, least: (values: Float32Array, tensorScale: number) => number): void {
  const { codec } = parseArrayScheme(id, TABLE_FAMILIES)
  const found = new Map(efforts.map((effort) => [effort, 0]))
  let best = 0
  for (let number = 0; number < BLOCKS; number++) {
    const values = blockOf(number, size)
    const shared = new Float32Array(1)
    codec.fitShared?.(
      values.map((x) => x * 3),
      'exact',
      shared,
    )
    const wanted = least(values, shared[0]!)
    best += wanted
    for (const effort of efforts) {
      const codes = new Uint16Array(size)
      const parameters = new Float32Array(1)
      codec.encode(groupOf(values, effort), codes, parameters, shared)
      const decoded = new Float32Array(size)
      codec.decode(codes, parameters, shared, decoded)
      const error = decoded.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0)
      found.set(effort, found.get(effort)! + error)
      if (effort === 'exact' && !id.endsWith('f16')) expect(error).toBeLessThanOrEqual(wanted * 1.001 + 1e-12)
    }
  }
  for (const [effort, error] of found) {
    if (process.env.TERSOR_SHOW) console.log(id, effort, `${((error / best - 1) * 100).toFixed(4)} %`)
    expect(error / best, `${id} ${effort}`).toBeLessThanOrEqual(effort === 'fast' ? 1.01 : 1.001)
  }
}

describe('distance from the best that the format allows, by brute force', () => {
  it.each(REAL)('$id', (bar) => {
    distances(bar, (values) => bestOfAll(values, bar.table, bar.id.endsWith('signed')))
  })

  it.each(POWERS)('$id', (bar) => {
    distances(bar, (values) => bestOf(values, bar.table.levels, E8M0))
  })

  it.each(FLOATS_OF_FLOAT)('$id', (bar) => {
    distances(bar, (values, tensorScale) =>
      bestOf(
        values,
        bar.table.levels,
        E4M3.map((scale) => scale * tensorScale),
      ),
    )
  })
})
