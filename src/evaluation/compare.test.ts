import { describe, expect, it } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { encodeF16 } from '../numbers/f16.ts'
import { compareOutputs, comparison, outputAccumulator } from './compare.ts'
import { EXACT_DB } from './decibels.ts'

const f32 = (shape: number[], ...values: number[]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})

describe('figures of one output', () => {
  it('of a classifier', () => {
    const output = outputAccumulator('scores')
    output.add(f32([1, 3], 1, 2, 5), f32([1, 3], 1, 2, 4), 'a.png')
    output.add(f32([1, 3], 9, 2, 5), f32([1, 3], 1, 2, 4), 'b.png')
    const figures = output.figures()
    expect(figures).toMatchObject({
      kind: 'classes',
      samples: 2,
      top1Agreement: 0.5,
      maxAbs: 8,
      nonFinite: 0,
      zero: false,
    })
    expect(figures.kl).toBeGreaterThan(0)
    expect(figures.worstSample?.label).toBe('b.png')
    expect(figures).not.toHaveProperty('equal')
  })

  it('that is the same', () => {
    const output = outputAccumulator('y')
    output.add(f32([4], 1, 2, 3, 4), f32([4], 1, 2, 3, 4), '')
    expect(output.figures()).toMatchObject({ kind: 'values', sqnrDb: EXACT_DB, maxAbs: 0 })
    expect(output.figures().cosine).toBeCloseTo(1, 12)
    expect(output.figures()).not.toHaveProperty('top1Agreement')
  })

  it('that is zero in float', () => {
    const output = outputAccumulator('state')
    output.add(f32([2], 0, 0), f32([2], 0.25, 0), '')
    expect(output.figures()).toMatchObject({ zero: true, cosine: 1, maxAbs: 0.25, referenceMaxAbs: 0 })
  })

  it('of one number a sample: all samples are one vector', () => {
    const output = outputAccumulator('score')
    for (const [float, quantized] of [
      [1, 1],
      [2, 4],
      [3, 1],
    ] as const) {
      output.add(f32([1, 1], float), f32([1, 1], quantized), '')
    }
    const figures = output.figures()
    expect(figures).toMatchObject({ kind: 'values', single: true })
    expect(figures.cosine).toBeCloseTo(12 / Math.sqrt(14 * 18), 12)
    expect(figures).not.toHaveProperty('worstSample')
  })

  it('of integers and strings', () => {
    const ints = outputAccumulator('ids')
    const i32 = (...values: number[]): Value => ({
      dtype: 'i32',
      shape: [values.length],
      data: new Uint8Array(Int32Array.from(values).buffer),
    })
    ints.add(i32(1, 2, 3, 4), i32(1, 2, 3, 9), '')
    expect(ints.figures()).toMatchObject({ kind: 'exact', equal: 0.75, maxAbs: 5 })
    const words = outputAccumulator('words')
    words.add({ dtype: 'string', shape: [2], data: ['a', 'b'] }, { dtype: 'string', shape: [2], data: ['a', 'b'] }, '')
    expect(words.figures()).toMatchObject({ kind: 'exact', equal: 1, cosine: 1, sqnrDb: EXACT_DB })
  })

  it('of another shape, and of nothing at all', () => {
    const output = outputAccumulator('boxes')
    output.add(f32([2, 4], 1, 2, 3, 4, 5, 6, 7, 8), f32([1, 4], 1, 2, 3, 4), '')
    expect(output.figures()).toMatchObject({ mismatched: 1, samples: 1, cosine: 0, sqnrDb: -EXACT_DB })
    expect(JSON.stringify(outputAccumulator('none').figures())).not.toContain('null')
  })

  it('of pictures', () => {
    const output = outputAccumulator('picture')
    output.add(f32([1, 1, 1, 2], 0, 255), f32([1, 1, 1, 2], 0, 254), '')
    expect(output.figures().psnrDb).toBeCloseTo(10 * Math.log10((255 * 255) / 0.5), 6)
  })

  it('compares half precision with single', () => {
    const output = outputAccumulator('y')
    const half: Value = {
      dtype: 'f16',
      shape: [2],
      data: new Uint8Array(Uint16Array.of(encodeF16(0.5), encodeF16(-2)).buffer),
    }
    output.add(f32([2], 0.5, -2), half, '')
    expect(output.figures()).toMatchObject({ mismatched: 0, maxAbs: 0 })
  })
})

describe('comparison of all outputs', () => {
  it('keeps the order of names and says what is missing', () => {
    const both = comparison(['b', 'a'])
    const values = { a: f32([1], 1), b: f32([1], 2) }
    both.add(values, values, '')
    expect(both.figures().map(({ name }) => name)).toEqual(['b', 'a'])
    expect(() => both.add(values, { a: values.a }, '')).toThrow('output "b" is missing from the second')
  })

  it('pairs results one by one', async () => {
    const results = [{ y: f32([1], 1) }, { y: f32([1], 2) }]
    const [figures] = await compareOutputs(results, results)
    expect(figures).toMatchObject({ name: 'y', samples: 2, maxAbs: 0 })
    await expect(compareOutputs(results, results.slice(1))).rejects.toThrow('sample 1')
  })
})
