import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import type { ArrayScheme, Effort } from '../../src/model/array-scheme.ts'
import { membersOf } from '../../src/pipeline/arrays/array-members.ts'
import { arrayScheme, decodeArray, encodeArray } from '../../src/schemes/arrays/index.ts'
import { expectPromises } from '../contracts/every-scheme.ts'
import { awkwardValues, STYLES } from '../fixtures/awkward-values.ts'
import { decodeNpz } from '../fixtures/decode-npz.ts'
import { allIds, shownIds, spread } from '../fixtures/scheme-ids.ts'

/** Cases of every id that is shown; of the others, a part of the grammar gets a part of the cases. TERSOR_CASES=10000 at night. */
const CASES = Number(process.env.TERSOR_CASES ?? 300)
const PART = 1 / 30
const GENERATED = CASES > 300 ? 2000 : 150

vi.setConfig({ testTimeout: CASES * 200 })

const ids = allIds()
const shown = shownIds()
const others = spread(
  [...ids.keys()].filter((id) => !shown.includes(id)),
  GENERATED,
)

const SHAPES: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [7],
  [33],
  [1, 1],
  [0, 5],
  [5, 0],
  [3, 11],
  [2, 17],
  [4, 16],
  [9, 3],
  [2, 0, 3],
  [2, 3, 4],
  [3, 5, 7],
  [2, 2, 3, 3],
  [1, 40],
  [2, 70],
  [270],
  [1, 1, 2, 129],
]

const needsAxis = ({ grouping }: ArrayScheme): number => (grouping.kind === 'channel' ? grouping.axis + 1 : 0)
const countOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** Large tables are fitted once an array: fewer cases find as much. */
function casesOf({ codec }: ArrayScheme, cases: number): number {
  return codec.vector > 1 ? Math.max(3, Math.floor(cases / 10)) : Math.max(3, Math.floor(cases))
}

function everyCase(scheme: ArrayScheme, cases: number): void {
  const shapes = SHAPES.filter((shape) => shape.length >= needsAxis(scheme))
  fc.assert(
    fc.property(
      fc.constantFrom(...shapes),
      fc.constantFrom(...STYLES),
      fc.constantFrom<Effort>('closed', ...scheme.codec.efforts),
      fc.nat(1e6),
      (shape, style, effort, seed) => {
        if (shape.length === 0) expect(countOf(shape)).toBe(1)
        expectPromises({ scheme, shape, effort, values: awkwardValues(style, countOf(shape), seed) })
      },
    ),
    { numRuns: casesOf(scheme, cases), seed: 20261123 },
  )
}

describe('every scheme that is shown', () => {
  it.each(shown)('%s keeps bound, zero, codes, density and bytes of kernels', (id) => {
    everyCase(arrayScheme(id), CASES)
  })
})

describe('the grammar of ids', () => {
  it('has one spelling for each scheme', () => {
    for (const [id, spelled] of ids) {
      expect(arrayScheme(id).id).toBe(id)
      expect(arrayScheme(spelled).id).toBe(id)
    }
  })

  it('keeps the promises all over', () => {
    for (const id of others) {
      try {
        everyCase(arrayScheme(id), CASES * PART)
      } catch (thrown) {
        throw new Error(`${id}: ${(thrown as Error).message}`, { cause: thrown })
      }
    }
  })
})

describe.each(shown)('%s', (id) => {
  const scheme = arrayScheme(id)
  const { codec, grouping } = scheme

  it('is read by a second reader from its .npz', () => {
    for (const shape of SHAPES.filter((one) => one.length >= needsAxis(scheme))) {
      for (const style of ['normal', 'ties', 'outlier', 'corners', 'zeros'] as const) {
        const values = awkwardValues(style, countOf(shape), shape.length + 3)
        const quantized = encodeArray(values, scheme, { shape, effort: 'closed' })
        const archive = writeNpz(membersOf('x', { quantized, dtype: 'f32' }, scheme))
        const read = decodeNpz(archive, 'x')
        expect(read.shape).toEqual(shape)
        const decoded = decodeArray(quantized, scheme)
        for (const [i, x] of decoded.entries()) {
          if (Object.is(x, read.values[i]) || x === read.values[i]) continue
          const tolerance = codec.shared.some(({ name }) => name === 'offset') ? Math.abs(x) * 2e-6 : 0
          if (Math.abs(x - read.values[i]!) <= tolerance) continue
          expect.fail(`value ${i} of [${shape}] ${style}: ${x}, the second reader has ${read.values[i]}`)
        }
      }
    }
  })

  it('refuses what is not finite, with its place', () => {
    const shape = [2, 3, 4]
    for (const [bad, word] of [
      [Number.NaN, 'NaN'],
      [Infinity, 'Infinity'],
      [-Infinity, '-Infinity'],
      [1e39, '1e+39'],
    ] as const) {
      for (const place of [0, 7, 23]) {
        const values = Array.from({ length: 24 }, (_, i) => (i === place ? bad : i))
        expect(() => encodeArray(values, scheme, { shape })).toThrow(`value ${place} is ${word};`)
      }
    }
  })

  const plainScales = codec.parameters.every(({ type }) =>
    ['f32', 'bf16', 'e8m0', 'e4m3fn', 'u8', 'u16'].includes(type),
  )
  if (plainScales && codec.parameters.length > 0) {
    it('scales with powers of two', () => {
      for (let seed = 0; seed < 20; seed++) {
        const values = awkwardValues(seed % 2 ? 'whole' : 'ties', 66, seed)
        for (const effort of codec.efforts) {
          const decode = (array: Float32Array) =>
            decodeArray(encodeArray(array, scheme, { shape: [2, 33], effort }), scheme)
          const plain = decode(values)
          for (const power of [-20, -3, 1, 17]) {
            const scaled = decode(values.map((x) => x * 2 ** power))
            expect(scaled).toEqual(plain.map((x) => x * 2 ** power))
          }
        }
      }
    })
  }

  if (codec.shared.length === 0 && grouping.kind !== 'tensor') {
    it('has groups that know nothing of each other', () => {
      const along = grouping.kind === 'column' ? 'columns' : 'rows'
      const whole = grouping.kind === 'tile' ? grouping.rows : 1
      for (let seed = 0; seed < 12; seed++) {
        const [a, b] =
          along === 'rows'
            ? [
                [2 * whole, 35],
                [3, 35],
              ]
            : [
                [5, 2],
                [5, 3],
              ]
        const one = awkwardValues(STYLES[seed % STYLES.length]!, countOf(a!), seed)
        const two = awkwardValues(STYLES[(seed + 5) % STYLES.length]!, countOf(b!), seed + 1)
        const decode = (values: Float32Array, shape: readonly number[]) =>
          decodeArray(encodeArray(values, scheme, { shape }), scheme)
        const joined = along === 'rows' ? Float32Array.of(...one, ...two) : sideBySide(one, two, a!, b!)
        const shape = along === 'rows' ? [a![0]! + b![0]!, 35] : [5, 5]
        const parts =
          along === 'rows'
            ? Float32Array.of(...decode(one, a!), ...decode(two, b!))
            : sideBySide(decode(one, a!), decode(two, b!), a!, b!)
        expect(decode(joined, shape)).toEqual(parts)
      }
    })
  }
})

function sideBySide(
  one: Float32Array,
  two: Float32Array,
  [rows = 0, a = 0]: number[],
  [, b = 0]: number[],
): Float32Array {
  const row = (i: number) => [...one.subarray(i * a, (i + 1) * a), ...two.subarray(i * b, (i + 1) * b)]
  return Float32Array.from(Array.from({ length: rows }, (_, i) => row(i)).flat())
}
