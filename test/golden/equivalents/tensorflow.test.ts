import { describe, expect, test } from 'vitest'
import { arrayScheme, dequantizeArray, quantizeArray, unpackedCodes } from '../../../src/schemes/arrays/index.ts'
import { tensorflowRange } from '../../../src/schemes/ranges/tensorflow-fake.ts'
import { codes, readGolden, values } from '../read.ts'

interface QuantizeCase {
  kind: string
  type: 'int8' | 'uint8' | 'int16' | 'uint16'
  mode: 'MIN_COMBINED' | 'MIN_FIRST' | 'SCALED'
  rounding: string
  narrow: boolean
  range: string
  out: string
  x: string
  codes: string
}

interface FakeCase {
  kind: string
  bits: number
  narrow: boolean
  range: string
  x: string
  vars: string
}

/**
 * TensorFlow multiplies by codes per unit, quantizeArray by the reciprocal of its scale: one code apart where the exact
 * quotient is next to a tie, and the same elsewhere. `reach`: how near, in codes, for the largest of them.
 */
function expectSameButAtTies(
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  quotient: (index: number) => number,
  levels: number,
): void {
  const reach = levels * 2 ** -21
  for (let index = 0; index < theirs.length; index++) {
    if (ours[index] === theirs[index]) continue
    const exact = quotient(index)
    const fraction = exact - Math.floor(exact)
    expect(
      Math.abs(fraction - 0.5),
      `[${index}] ${ours[index]} instead of ${theirs[index]}, exactly ${exact}`,
    ).toBeLessThan(reach)
    expect(Math.abs(ours[index]! - theirs[index]!)).toBe(1)
  }
}

const { cases } = readGolden<QuantizeCase>('tensorflow-quantize.json')
const plain = cases.filter(({ kind, narrow, range }) => {
  if (kind !== 'quantize' || narrow) return false
  const [min, max] = values(range) as unknown as [number, number]
  return max > 0 && max - min > 0.02
})

describe('quantizeArray on the grid of tf.quantization.quantize', () => {
  test.each(plain)('$type $mode $rounding $range', (golden) => {
    const { type, mode } = golden
    const bits = type.endsWith('16') ? 16 : 8
    const low = type.startsWith('u') ? 0 : -(2 ** (bits - 1))
    const last = 2 ** bits - 1
    const [min, max] = values(golden.out) as unknown as [number, number]
    const x = values(golden.x).map((value) => Math.max(Math.min(value, max), min))
    const rounding = golden.rounding === 'HALF_TO_EVEN' ? 'half-even' : 'half-away'
    const theirs = codes(golden.codes).map((code) => code - low)
    const scale = Math.fround((max - min) / last)
    const offset = mode === 'MIN_COMBINED'
    const grid = offset ? { scales: scale, offsets: min } : { scales: scale, zeros: Math.round(-min / scale) }
    const found = quantizeArray(x, { scheme: `int${bits}-tensor-${offset ? 'offset' : 'asym'}`, grid, rounding })
    const ours = unpackedCodes(found, arrayScheme(found.scheme))
    expectSameButAtTies(ours, theirs, (index) => (offset ? x[index]! - min : x[index]!) / scale, last)
  })
})

const fake = readGolden<FakeCase>('tensorflow-fake.json').cases.filter(
  ({ kind, range }) => kind === 'fake quant' && values(range)[0] !== values(range)[1],
)

describe('quantizeArray on the grid of fake_quant_with_min_max_vars', () => {
  test.each(fake)('$bits bits, narrow $narrow, $range', (golden) => {
    const [min, max] = values(golden.range) as unknown as [number, number]
    const { scale, zero, low, high } = tensorflowRange({ min, max, bits: golden.bits, narrowRange: golden.narrow })
    const x = values(golden.x)
    const grid = { scales: scale, zeros: zero - low }
    const found = quantizeArray(x, { scheme: `levels${high - low + 1}-tensor-asym`, grid, rounding: 'half-away' })
    const steps = (all: Float32Array): Int32Array => Int32Array.from(all, (value) => Math.round(value / scale))
    expectSameButAtTies(
      steps(dequantizeArray(found)),
      steps(values(golden.vars)),
      (index) => x[index]! / scale,
      high - low,
    )
  })
})
