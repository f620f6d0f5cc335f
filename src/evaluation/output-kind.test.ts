import { describe, expect, it } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { type KindHints, outputShapeOf } from './output-kind.ts'

function ramp(shape: number[]): Value {
  const count = shape.reduce((product, size) => product * size, 1)
  return { dtype: 'f32', shape, data: new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer) }
}
const shares = (shape: number[]): Value => {
  const value = ramp(shape)
  return { ...value, data: new Uint8Array(new Float32Array(value.data.length / 4).fill(1 / shape.at(-1)!).buffer) }
}
const logShares = (shape: number[]): Value => {
  const value = ramp(shape)
  const log = Math.log(1 / shape.at(-1)!)
  return { ...value, data: new Uint8Array(new Float32Array(value.data.length / 4).fill(log).buffer) }
}

const table: [string, Value, string, KindHints?][] = [
  ['logits', ramp([1, 10]), 'classes'],
  ['Plus214_Output_0', ramp([1, 10]), 'classes'],
  ['output', ramp([1, 1000, 1, 1]), 'classes'],
  ['prob', ramp([1, 1]), 'values'],
  ['sentence_embedding', ramp([1, 128]), 'values'],
  ['output', ramp([8, 10]), 'values'],
  ['output', ramp([8, 10]), 'classes', { batch: 8 }],
  ['cls_score0', ramp([1600, 80]), 'values'],
  ['logits', ramp([1, 5, 512]), 'logits'],
  ['last_hidden_state', ramp([1, 5, 384]), 'values'],
  ['1234', ramp([1, 5, 512]), 'logits', { vocabulary: 512 }],
  ['out', ramp([1, 65]), 'logits', { vocabulary: 65 }],
  ['scores', shares([1, 4420, 2]), 'values'],
  ['scores', shares([1, 1917, 91]), 'values'],
  ['softmax_2.tmp_0', shares([1, 40, 97]), 'logits'],
  ['out', shares([26, 1, 37]), 'logits'],
  ['logprobs', logShares([1, 50, 32]), 'logits'],
  ['out', ramp([1, 40, 97]), 'values'],
  ['features', shares([1, 40, 97]), 'values'],
  ['wave', ramp([1, 100]), 'values'],
  ['y', ramp([1, 100]), 'values', { declared: new Map([['y', ['N', 'T']]]) }],
  ['y', ramp([1, 100]), 'classes', { declared: new Map([['y', ['N', 100]]]) }],
  ['picture', ramp([1, 3, 8, 8]), 'values'],
  ['ids', { dtype: 'i64', shape: [1, 2], data: new Uint8Array(16) }, 'exact'],
  ['labels', { dtype: 'string', shape: [1], data: ['a'] }, 'exact'],
]

describe('kind of an output', () => {
  it.each(table)('%s', (...[name, value, kind, hints]: [string, Value, string, KindHints?]) => {
    expect(outputShapeOf(name, value, hints).kind).toBe(kind)
  })

  it('sees probabilities, and that embeddings have length one', () => {
    expect(outputShapeOf('x', shares([1, 4])).probabilities).toBe(true)
    expect(outputShapeOf('x', ramp([1, 4])).probabilities).toBe(false)
    const unit: Value = { dtype: 'f32', shape: [1, 2], data: new Uint8Array(Float32Array.of(0.6, -0.8).buffer) }
    expect(outputShapeOf('x', unit).kind).toBe('values')
  })
})
