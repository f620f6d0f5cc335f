import { describe, expect, test } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { writeNpy } from '../calibration/npy.ts'
import { dequantizeArray, quantizeArray } from '../schemes/arrays/index.ts'
import { explain } from './explain.ts'
import { articleStep, articleWidth } from './explain-article.ts'
import { ROUNDINGS } from './explain-ask.ts'
import { mapToCodes, scaleToSteps, truncateSteps, valuesOfCodes } from './explain-stages.ts'
import { fileValues, numberList, randomValues } from './explain-values.ts'

const RANDOM = randomValues(0).values

describe('the steps', () => {
  test('eight levels from -1 to 1, every stage', () => {
    const grid = { scale: 2 / 7, offset: -1, maxCode: 7 }
    const values = Float32Array.of(-1, -0.9, 0, 0.45, 1, 1.5)
    const scaled = scaleToSteps(values, grid)
    expect([...scaled].map((x) => Number(x.toFixed(3)))).toEqual([0, 0.35, 3.5, 5.075, 7, 8.75])
    expect([...truncateSteps(scaled, 'floor')]).toEqual([0, 0, 3, 5, 7, 8])
    expect([...truncateSteps(scaled, 'half-even')]).toEqual([0, 0, 4, 5, 7, 9])
    expect([...truncateSteps(Float64Array.of(2.5), 'half-away')]).toEqual([3])
    const codes = mapToCodes(truncateSteps(scaled, 'half-even'), 7)
    expect([...codes]).toEqual([0, 0, 4, 5, 7, 7])
    expect([...valuesOfCodes(codes, grid)].map((x) => Number(x.toFixed(4)))).toEqual([-1, -1, 0.1429, 0.4286, 1, 1])
  })

  test('stochastic: the same seed the same codes, on average the value', () => {
    const scaled = new Float64Array(4000).fill(2.25)
    const drawn = truncateSteps(scaled, 'stochastic', 7)
    expect(truncateSteps(scaled, 'stochastic', 7)).toEqual(drawn)
    expect(truncateSteps(scaled, 'stochastic', 8)).not.toEqual(drawn)
    expect(drawn.reduce((sum, x) => sum + x, 0) / 4000).toBeCloseTo(2.25, 1)
  })

  test.each(ROUNDINGS)('%s: codes and values are those of quantizeArray', (rounding) => {
    for (const levels of [2, 7, 256]) {
      const quantized = quantizeArray(RANDOM, { levels, rounding, seed: 3 })
      const { rows, levels: found, storage } = explain(RANDOM, { levels, rounding, seed: 3 })
      const grid = { scale: Math.fround(found.step), offset: found.min, maxCode: levels - 1 }
      const codes = mapToCodes(truncateSteps(scaleToSteps(RANDOM, grid), rounding, 3), grid.maxCode)
      expect(valuesOfCodes(codes, grid)).toEqual(dequantizeArray(quantized))
      expect(storage).toMatchObject({ scheme: quantized.scheme, codeBytes: quantized.codes.length, parameterBytes: 8 })
      expect(rows.map(({ code }) => code)).toEqual([...codes.subarray(0, 10)])
    }
  })

  test.each(ROUNDINGS)('%s: the promise is kept, and near enough to be one', (rounding) => {
    for (const bits of [1, 3, 8, 16]) {
      const { error, levels } = explain(RANDOM, { bits, rounding })
      expect(error.within).toBe(true)
      expect(error.bound).toBe(rounding.startsWith('half') ? levels.step / 2 : levels.step)
      expect(error.maxInside / error.bound).toBeGreaterThan(0.85)
    }
  })
})

describe('what it says', () => {
  const eight = explain(RANDOM, { bits: 8 })
  const three = explain(RANDOM, { bits: 3 })
  const of = (explanation: typeof eight, kind: string) => explanation.compensation.find((each) => each.kind === kind)!

  test('every compensation with its figures; refits never lose, feedback keeps sums', () => {
    expect(three.compensation.map(({ kind }) => kind)).toEqual([
      'none',
      'article',
      'mean-error',
      'refit',
      'refit-recode',
      'feedback',
      'diffusion',
    ])
    for (const explanation of [eight, three]) {
      const plain = of(explanation, 'none')
      for (const kind of ['mean-error', 'refit', 'refit-recode']) {
        expect(of(explanation, kind).rms).toBeLessThanOrEqual(plain.rms)
      }
      expect(of(explanation, 'feedback').runRms!).toBeLessThan(plain.runRms! / 2)
      expect(of(explanation, 'diffusion').tileRms!).toBeLessThan(plain.tileRms!)
      // What the article adds needs every error itself, and leaves (levels - 2) / (levels - 1) of it.
      const rest = (explanation.levels.count - 2) / (explanation.levels.count - 1)
      expect(of(explanation, 'article').rms / plain.rms).toBeCloseTo(rest, 4)
      expect(of(explanation, 'article').byteLength).toBe(4000)
      const sums = explanation.pictures.running.feedback
      expect(Math.max(...sums.map(Math.abs))).toBeLessThanOrEqual(explanation.levels.step * 0.5001)
    }
  })

  test('corrections: rounding to nearest leaves little, rounding down leaves half a step that two numbers bring back', () => {
    for (const { pays } of eight.correction) expect(pays).toBe(false)
    const floored = explain(RANDOM, { bits: 8, rounding: 'floor' })
    const affine = floored.correction.find(({ kind }) => kind === 'affine')!
    expect(affine).toMatchObject({ byteLength: 8, pays: true })
    expect(affine.gainDb).toBeGreaterThan(5.5)
    expect(affine.gainDb).toBeLessThan(6.5)
  })

  test("the article's formulas: the gain is what they multiply to", () => {
    const { gain, differentCodes, lowCode, highCode } = eight.article!
    expect(gain).toBeCloseTo((256 * 256) / 255, 9)
    expect(differentCodes).toBeLessThan(10)
    expect(lowCode).toBeLessThan(0)
    expect(highCode).toBeLessThan(256)
    const ask = { min: -1, max: 1, levels: 8, bits: 8 }
    expect(articleWidth(ask)).toBeCloseTo(0.2857, 4)
    expect(articleStep(1, ask)).toMatchObject({ truncated: 36, code: 126 })
    expect(articleStep(1, ask).restored).toBeCloseTo(288, 9)
  })

  test('pictures count every value once', () => {
    const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0)
    expect(sum(eight.pictures.values.counts)).toBe(1000)
    expect(sum(eight.pictures.errors.plain.counts)).toBe(1000)
    const { value, decoded } = eight.pictures.stairs
    expect(decoded).toHaveLength(value.length)
    expect(new Set(decoded).size).toBeGreaterThan(10)
  })

  test('it is plain data that JSON carries, the same each time', () => {
    expect(JSON.parse(JSON.stringify(eight))).toEqual(eight)
    expect(explain(randomValues(0).values, { bits: 8 })).toEqual(eight)
    expect(randomValues(1).values).not.toEqual(RANDOM)
  })
})

describe('edges', () => {
  test('all equal: one level, no error, nothing to divide by', () => {
    const explanation = explain(new Float32Array(40).fill(1.5))
    expect(explanation).toMatchObject({ error: { max: 0, sqnrDb: 999, within: true }, warnings: ['all-equal'] })
    expect(explanation.article).toBeUndefined()
    expect(explanation.rows[0]).toMatchObject({ scaled: 0, code: 0, decoded: 1.5 })
    expect(JSON.stringify(explanation)).not.toMatch(/NaN|Infinity/)
  })

  test('one value; subnormals; huge values', () => {
    expect(explain(Float32Array.of(-3)).error.max).toBe(0)
    expect(explain(Float32Array.of(-3e38, 3e38, 1e38)).error).toMatchObject({ within: true, promise: 'half-step' })
  })

  test.each([
    ['finer', [1e-45, 3e-45, 0], 256],
    ['coarser', [-3e38, 3e38, 1e38], 2],
  ])('a step %s than f32 holds: nothing but the range is promised, as quantizeArray does', (_, list, levels) => {
    const values = Float32Array.from(list)
    const { error, rows } = explain(values, { levels })
    expect(error).toMatchObject({ promise: 'range', within: true })
    expect(rows.map(({ decoded }) => decoded)).toEqual([...dequantizeArray(quantizeArray(values, { levels }))])
  })

  test('a range cuts what lies outside, and says so', () => {
    const { error, warnings } = explain(RANDOM, { range: { min: -1, max: 1 } })
    expect(error.clipped).toBeGreaterThan(100)
    expect(error.max).toBeGreaterThan(1)
    expect(error.within).toBe(true)
    expect(warnings).toEqual(['clipped'])
  })

  test('few values: no correction is fitted', () => {
    expect(explain(RANDOM.subarray(0, 31))).toMatchObject({ correction: [], warnings: ['few-values'] })
    expect(explain(RANDOM.subarray(0, 32)).correction.length).toBeGreaterThan(0)
  })

  test.each([
    ['no values', [], {}, 'E_USAGE', 'at least one value'],
    ['NaN', [1, Number.NaN], {}, 'E_NONFINITE', 'value 1 is NaN'],
    ['infinity', [Number.NEGATIVE_INFINITY], {}, 'E_NONFINITE', 'value 0'],
    ['0 bits', [1], { bits: 0 }, 'E_USAGE', 'bits from 1 to 16'],
    ['33 bits', [1], { bits: 33 }, 'E_USAGE', 'found 33'],
    ['1 level', [1], { levels: 1 }, 'E_USAGE', '2 to 65536'],
    ['half a level', [1], { levels: 2.5 }, 'E_USAGE', '2 to 65536'],
    ['bits against levels', [1], { bits: 3, levels: 9 }, 'E_USAGE', '3 bits have 8 levels'],
    ['min above max', [1], { range: { min: 1, max: 0 } }, 'E_USAGE', 'min'],
    ['a range without end', [1], { range: { min: 0, max: Number.POSITIVE_INFINITY } }, 'E_USAGE', 'finite'],
    ['a shape that does not fit', [1, 2], { shape: [3] }, 'E_USAGE', 'shape of 2'],
    ['no such rounding', [1], { rounding: 'flor' as never }, 'E_USAGE', 'found "flor"'],
    ['a negative seed', [1], { seed: -1 }, 'E_USAGE', 'seed'],
  ])('%s', (_, values, options, code, message) => {
    expect(() => explain(Float32Array.from(values), options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })
})

describe('numbers from text and files', () => {
  const text = (content: string) => fileValues(memorySource(new TextEncoder().encode(content), 'n.csv'))

  test('lists', () => {
    expect(numberList('1, -2.5,.5 3e2')).toEqual([1, -2.5, 0.5, 300])
    expect(numberList('1,x')).toBeUndefined()
    expect(numberList('')).toBeUndefined()
    expect(numberList('nan,-inf')).toEqual([Number.NaN, Number.NEGATIVE_INFINITY])
  })

  test('a line each, several with commas, empty lines, Windows line ends', async () => {
    expect([...(await text('1\r\n\r\n2,3\n4\n')).values]).toEqual([1, 2, 3, 4])
    await expect(text('1\ntwo\n')).rejects.toMatchObject({ code: 'E_FORMAT', where: 'n.csv:2' })
    await expect(text('\n')).rejects.toMatchObject({ code: 'E_FORMAT' })
  })

  test('.npy of any real type, with its shape', async () => {
    const npy = (dtype: 'f32' | 'f16' | 'i64', bytes: Uint8Array) =>
      fileValues(memorySource(writeNpy({ dtype, shape: [2, 2], data: bytes }), 'a.npy'))
    const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer)
    const floats = await npy('f32', bytesOf(Float32Array.of(1, 2, 3, 4.5)))
    expect(floats).toMatchObject({ shape: [2, 2], total: 4 })
    expect([...floats.values]).toEqual([1, 2, 3, 4.5])
    expect([...(await npy('f16', bytesOf(Uint16Array.of(0x3c00, 0xc000, 0, 0x3800)))).values]).toEqual([1, -2, 0, 0.5])
    expect([...(await npy('i64', bytesOf(BigInt64Array.of(1n, -2n, 3n, 4n)))).values]).toEqual([1, -2, 3, 4])
  })
})
