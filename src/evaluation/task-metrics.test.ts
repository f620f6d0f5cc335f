import { describe, expect, it } from 'vitest'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { bitsMeter } from './bits.ts'
import { boxMeter } from './boxes.ts'
import { boxesOf, detectionOutputs, overlapOf } from './detections.ts'

const f32 = (shape: number[], ...values: number[]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const ids = (...values: number[]): Value => ({
  dtype: 'i64',
  shape: [1, values.length],
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
})
const sample = (feeds: Feeds): Sample => ({ label: 's', feeds })

describe('bits per token', () => {
  it('are minus log2 of the chance of the next id', () => {
    const meter = bitsMeter()
    // Float: 1/2 and 1/4 for the next ids; quantized: 1/4 and 1/4 (equal scores).
    const ln = Math.log
    const float = f32([1, 3, 4], ln(1), ln(3), ln(1), ln(1), 0, 0, 0, 0, 9, 9, 9, 9)
    meter.add(sample({ ids: ids(0, 1, 3) }), { logits: float }, { logits: f32([1, 3, 4], ...new Array(12).fill(5)) })
    const facts = meter.facts()
    expect(facts).toMatchObject({ name: 'bits', higherIsBetter: false, samples: 2, quantized: 2 })
    expect(facts.float).toBeCloseTo((1 + 2) / 2, 6)
  })

  it('need ids and scores for them', () => {
    const meter = bitsMeter()
    meter.add(sample({ x: f32([1, 2], 1, 2) }), { y: f32([1, 2], 1, 2) }, { y: f32([1, 2], 1, 2) })
    expect(() => meter.facts()).toThrow(/ids as an input/)
  })
})

const four = (...rows: number[][]) => f32([1, rows.length, 4], ...rows.flat())
const background = (...scores: number[]) => f32([1, scores.length, 2], ...scores.flatMap((score) => [1 - score, score]))
const [a, b, c] = [
  [0, 0, 0.4, 0.4],
  [0.5, 0.5, 0.9, 0.9],
  [0.02, 0, 0.42, 0.4],
]

describe('boxes', () => {
  it('are read from two outputs by their shapes, each object once, the class for nothing left out', () => {
    const outputs = { scores: background(0.9, 0.8, 0.7, 0.1), boxes: four(a!, b!, c!, b!) }
    expect(detectionOutputs(outputs)).toEqual({ boxes: 'boxes', scores: 'scores' })
    const found = boxesOf(outputs, { boxes: 'boxes', scores: 'scores' })
    expect(found.map(({ left, label }) => [left, label])).toEqual([
      [0, 1],
      [0.5, 1],
    ])
  })

  it('overlap by their common part', () => {
    const box = (left: number, right: number) => ({ left, right, top: 0, bottom: 1, label: 0, score: 1 })
    expect(overlapOf(box(0, 2), box(1, 3))).toBeCloseTo(1 / 3, 12)
    expect(overlapOf(box(0, 1), box(1, 2))).toBe(0)
  })

  it('F1 counts what both models see', () => {
    const meter = boxMeter()
    const boxes = four(a!, b!, a!, b!)
    meter.add(sample({}), { s: background(0.9, 0.9, 0, 0), b: boxes }, { s: background(0.9, 0.2, 0, 0), b: boxes })
    // One of two found again, none made up: 2 * 1 / (2 + 1).
    expect(meter.facts().quantized).toBeCloseTo(2 / 3, 12)
    expect(meter.notes()[0]).toMatch(/2 in float, 1 in the result, 1 the same/)
  })

  it('need outputs that say what they are', () => {
    const meter = boxMeter()
    expect(() => meter.add(sample({}), { y: f32([1, 2], 0, 1) }, { y: f32([1, 2], 0, 1) })).toThrow(
      /no pair of outputs/,
    )
  })
})
