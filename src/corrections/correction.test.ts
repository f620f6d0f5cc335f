import { describe, expect, test } from 'vitest'
import { uniform } from '../numbers/rounding.ts'
import {
  applyErrorModel,
  encodeNearest,
  fitCentroids,
  fitLowRank,
  fitPolynomial,
  gridQuantizer,
  heldOutGain,
  heldOutMask,
  lowRankAt,
  polynomialAt,
} from './index.ts'

/** A bell of six uniforms: values crowd in the middle, so that in every cell the mean lies nearer to it. */
const bell = (count: number, seed = 3): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    let sum = -3
    for (let k = 0; k < 6; k++) sum += uniform(seed, 6 * i + k)
    return sum
  })
const GRID = { scale: 0.75, offset: -3, maxCode: 8 }
const encoded = (values: Float32Array) => encodeNearest(values, gridQuantizer(GRID))

describe('what is held out', () => {
  test('a quarter, the same each time, another for another seed', () => {
    const mask = heldOutMask(10_000)
    const share = mask.reduce((sum, bit) => sum + bit, 0) / mask.length
    expect(share).toBeGreaterThan(0.23)
    expect(share).toBeLessThan(0.27)
    expect(heldOutMask(10_000)).toEqual(mask)
    expect(heldOutMask(10_000, 1)).not.toEqual(mask)
  })

  test('the gain is of held-out values only, against what the bytes would bring as bits', () => {
    const values = Float32Array.of(1, 1, 1, 1)
    const gain = heldOutGain(
      values,
      values.map(() => 0),
      Float32Array.of(9, 0.9, 9, 0.9),
      Uint8Array.of(0, 1, 0, 1),
      1,
    )
    expect(gain).toMatchObject({ heldOut: 2, before: 1 })
    expect(gain.gainDb).toBeCloseTo(20, 4)
    expect(gain.breakEvenDb).toBeCloseTo(12.0412, 4)
    expect(gain.pays).toBe(true)
    expect(heldOutGain(values, values, values, new Uint8Array(4), 0)).toMatchObject({
      heldOut: 0,
      gainDb: 0,
      pays: false,
    })
  })
})

test('a gain that chance explains does not pay, however few its bytes', () => {
  const values = bell(4000)
  const mask = new Uint8Array(4000).fill(1)
  const zeros = new Float32Array(4000)
  // Pushing every value by a hair towards its side helps about as often as it hurts.
  const corrected = values.map((value, i) => (i % 2 === 0 ? 1e-3 : -1e-3) + (value > 0 ? 1e-6 : 0))
  const lucky = heldOutGain(values, zeros, corrected, mask, 0)
  const unlucky = heldOutGain(
    values,
    zeros,
    corrected.map((value) => -value),
    mask,
    0,
  )
  expect(Math.max(lucky.gainDb, unlucky.gainDb)).toBeGreaterThan(0)
  expect([lucky.pays, unlucky.pays]).toEqual([false, false])
})

describe('centroids', () => {
  test('the table is the mean residual of each code', () => {
    const values = Float32Array.of(0.1, 0.3, 1.2, 5)
    const codes = Uint16Array.of(0, 0, 1, 3)
    const { table, byteLength } = fitCentroids(values, Float32Array.of(0, 0, 1, 5), codes, 4)
    expect([...table].map((x) => x.toFixed(4))).toEqual(['0.2000', '0.2000', '0.0000', '0.0000'])
    expect(byteLength).toBe(16)
  })

  test('coarse codes of a bell gain on values they have not seen', () => {
    const values = bell(8000)
    const { codes, decoded } = encoded(values)
    const mask = heldOutMask(values.length)
    const model = fitCentroids(values, decoded, codes, 9, { mask })
    const gain = heldOutGain(values, decoded, applyErrorModel(model, decoded, codes), mask, model.byteLength)
    expect(gain.gainDb).toBeGreaterThan(0.15)
    expect(gain.pays).toBe(true)
  })

  test('many codes, few values: the plain table loses, the shrunk one does not', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => uniform(9, i))
    const fine = encodeNearest(values, gridQuantizer({ scale: 1 / 255, offset: 0, maxCode: 255 }))
    const mask = heldOutMask(1000)
    const gainOf = (shrink: boolean) => {
      const model = fitCentroids(values, fine.decoded, fine.codes, 256, { mask, shrink })
      return heldOutGain(values, fine.decoded, applyErrorModel(model, fine.decoded, fine.codes), mask, 1024).gainDb
    }
    expect(gainOf(false)).toBeLessThan(-0.5)
    expect(gainOf(true)).toBeGreaterThan(-0.3)
  })

  test('shrinking leaves a table that is no chance as it is', () => {
    const values = bell(20_000)
    const { codes } = encoded(values)
    const floored = values.map((value) => GRID.scale * Math.floor((value + 3) / GRID.scale) - 3)
    const [plain, shrunk] = [false, true].map((shrink) => fitCentroids(values, floored, codes, 9, { shrink }).table)
    expect(shrunk![4]! / plain![4]!).toBeGreaterThan(0.99)
  })
})

describe('polynomials', () => {
  test.each([0, 1, 2, 3])('degree %d is found again', (degree) => {
    const decoded = Float32Array.from({ length: 400 }, (_, i) => 4 * uniform(degree, i) - 1)
    const curve = (x: number) => [0.5, -0.25, 0.125, 1].slice(0, degree + 1).reduce((sum, c, k) => sum + c * x ** k, 0)
    const values = decoded.map((x) => x + curve((x - 1) / 2))
    const model = fitPolynomial(values, decoded, degree, { low: -1, high: 3 })
    expect(model).toMatchObject({ center: 1, reach: 2, byteLength: 4 * (degree + 1) })
    expect(polynomialAt(model, 2)).toBeCloseTo(curve(0.5), 5)
    const corrected = applyErrorModel(model, decoded, new Uint16Array(400))
    for (const [i, value] of values.entries()) expect(corrected[i]).toBeCloseTo(value, 4)
  })

  test('held-out values do not enter', () => {
    const decoded = bell(200)
    const mask = heldOutMask(200)
    const values = decoded.map((x, i) => (mask[i] === 1 ? 1e6 : x + 0.5))
    const { coefficients } = fitPolynomial(values, decoded, 1, { low: -3, high: 3, mask })
    expect(coefficients[0]).toBeCloseTo(0.5, 5)
    expect(coefficients[1]).toBeCloseTo(0, 5)
  })

  test('one decoded value gives the mean and no more; degree 4 is refused', () => {
    const model = fitPolynomial(Float32Array.of(1, 3), Float32Array.of(0, 0), 3, { low: -1, high: 1 })
    expect(polynomialAt(model, 0)).toBeCloseTo(2, 6)
    expect([...model.coefficients].every(Number.isFinite)).toBe(true)
    expect(() => fitPolynomial(new Float32Array(2), new Float32Array(2), 4, { low: 0, high: 1 })).toThrow('0 to 3')
  })
})

describe('low rank', () => {
  const product = (rows: number, columns: number, rank: number) =>
    Float32Array.from({ length: rows * columns }, (_, i) => {
      let sum = 0
      for (let k = 0; k < rank; k++) {
        sum += (uniform(k, Math.floor(i / columns)) - 0.5) * (uniform(k + 100, i % columns) - 0.5)
      }
      return sum
    })

  test.each([1, 2, 4])('a residual of rank %d is found again', (rank) => {
    const residual = product(24, 40, rank)
    const model = fitLowRank(residual, 40, rank, { rounds: 40 })
    expect(model.byteLength).toBe(4 * rank * 64)
    for (const [i, value] of residual.entries())
      expect(lowRankAt(model, Math.floor(i / 40), i % 40)).toBeCloseTo(value, 5)
  })

  test('entries that were held out are found too, where there is structure', () => {
    const residual = product(32, 48, 1)
    const mask = heldOutMask(residual.length)
    const model = fitLowRank(residual, 48, 1, { mask, rounds: 60 })
    const zeros = new Float32Array(residual.length)
    const corrected = applyErrorModel(model, zeros, new Uint16Array(residual.length))
    expect(heldOutGain(residual, zeros, corrected, mask, model.byteLength).gainDb).toBeGreaterThan(20)
  })

  test('noise gains nothing on entries that were held out', () => {
    const noise = bell(32 * 48)
    const mask = heldOutMask(noise.length)
    const zeros = new Float32Array(noise.length)
    const model = fitLowRank(noise, 48, 4, { mask })
    const gain = heldOutGain(noise, zeros, applyErrorModel(model, zeros, new Uint16Array(noise.length)), mask, 1280)
    expect(gain.gainDb).toBeLessThan(0)
    expect(gain.pays).toBe(false)
  })

  test('the same numbers each time; more rank than there is is zeros, not NaN', () => {
    const residual = product(8, 8, 1)
    expect(fitLowRank(residual, 8, 3)).toEqual(fitLowRank(residual, 8, 3))
    expect([...fitLowRank(residual, 8, 8).right].every(Number.isFinite)).toBe(true)
    expect([...fitLowRank(new Float32Array(64), 8, 2).left].every((x) => x === 0)).toBe(true)
    expect(() => fitLowRank(residual, 8, 9)).toThrow('a rank of 1 to 8')
    expect(() => fitLowRank(residual, 7, 1)).toThrow('expected a rank')
  })
})
