import { describe, expect, it } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { accuracyMeter } from './accuracy.ts'
import { classNamesOf } from './class-names.ts'
import { labelsOfCsv } from './labels.ts'

const scores = (values: readonly number[], shape: readonly number[] = [1, values.length]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
})
const labels = (...list: readonly (number | string)[]) => labelsOfCsv(['label', ...list].join('\n'), 'l.csv')
const sample = (index: number) => ({ label: `d.npz[${index}]`, index, feeds: {} })
const [zero, one, two] = [scores([3, 1, 2]), scores([1, 3, 2]), scores([1, 2, 3])]

const packed = (row: readonly number[]) => new Uint8Array(Float32Array.from(row).buffer)

describe('accuracy on labels', () => {
  it('counts both models, leaves out what has no label, shows wrong answers first', () => {
    const meter = accuracyMeter(labels(0, 1, 2, -1, 1), 5)
    const answers = [
      [zero, zero],
      [one, two],
      [two, two],
      [zero, one],
      [two, one],
    ] as const
    for (const [index, [a, b]] of answers.entries()) meter.add(sample(index), { y: a }, { y: b })
    expect(meter.facts()).toEqual({ name: 'top1', float: 0.75, quantized: 0.75, higherIsBetter: true, samples: 4 })
    expect(meter.examples()).toEqual([
      { sample: 1, expected: '1', float: '1', quantized: '2' },
      { sample: 4, expected: '1', float: '2', quantized: '1' },
      { sample: 0, expected: '0', float: '0', quantized: '0' },
      { sample: 2, expected: '2', float: '2', quantized: '2' },
    ])
    expect(meter.notes()).toEqual(['1 of 5 answers have no label in l.csv; not counted'])
  })

  it('counts each row of a batch', () => {
    const meter = accuracyMeter(labels(0, 1, 0, 0), 2)
    const batch = scores([5, 1, 1, 5], [2, 2])
    for (const index of [0, 1]) meter.add(sample(index), { y: batch }, { y: batch })
    expect(meter.facts()).toMatchObject({ float: 0.75, samples: 4 })
    expect(meter.examples()[0]).toMatchObject({ sample: 3, expected: '0', float: '1' })
  })

  it('finds the scores among other outputs, and behind axes of one', () => {
    const meter = accuracyMeter(labels(2), 1)
    const answer = { hidden: scores([1, 2, 3, 4], [1, 4]), y: scores([1, 2, 3], [1, 3, 1, 1]) }
    meter.add(sample(0), answer, answer)
    expect(meter.facts().float).toBe(1)
  })

  it('takes the only output that could be scores, whatever its name', () => {
    const meter = accuracyMeter(labels(1), 1)
    const answer = { embedding: scores([1, 2]), count: { ...scores([1]), dtype: 'i32' as const } }
    meter.add(sample(0), answer, answer)
    expect(meter.facts().float).toBe(1)
  })

  it('words are classes by a list of names, after a background class where there is one more score', () => {
    const named = { ...labels('dog', 'cat'), classes: classNamesOf('cat\ndog', 'c.txt') }
    const scores = (...row: number[]) => ({ y: { dtype: 'f32' as const, shape: [1, row.length], data: packed(row) } })
    const plain = accuracyMeter(named, 2)
    plain.add(sample(0), scores(0, 1), scores(1, 0))
    expect(plain.facts()).toMatchObject({ float: 1, quantized: 0 })
    const background = accuracyMeter(named, 2)
    background.add(sample(1), scores(0, 1, 0), scores(0, 0, 1))
    expect(background.facts()).toMatchObject({ float: 1, quantized: 0 })
    expect(() => accuracyMeter(named, 2).add(sample(0), scores(1, 0, 0, 0), scores(1, 0, 0, 0))).toThrow(
      'c.txt: has 2 classes, the model gives 4 scores',
    )
    const strange = { ...labels('cow'), classes: classNamesOf('cat\ndog', 'c.txt') }
    expect(() => accuracyMeter(strange, 1).add(sample(0), scores(1, 0), scores(1, 0))).toThrow('"cow"')
  })

  it('says when the labels cannot mean what the model means', () => {
    const meter = accuracyMeter(labels(...Array(20).fill(1)), 20)
    for (let index = 0; index < 20; index++) meter.add(sample(index), { y: zero }, { y: zero })
    expect(meter.notes().join()).toContain('guessing')
  })

  it('refuses classes that the model does not have', () => {
    expect(() => accuracyMeter(labels(3), 1).add(sample(0), { y: zero }, { y: zero })).toThrow(
      'expected a class from 0 to 2 for d.npz[0], found class 3',
    )
    expect(() => accuracyMeter(labels('cat'), 1).add(sample(0), { y: zero }, { y: zero })).toThrow('found "cat"')
  })

  it('refuses models without scores, and data without labels', () => {
    const pair = { a: zero, b: zero }
    expect(() => accuracyMeter(labels(0), 1).add(sample(0), pair, pair)).toThrow('found 2 among "a", "b"')
    const meter = accuracyMeter(labels(0, -1), 2)
    meter.add(sample(1), { y: zero }, { y: zero })
    expect(() => meter.facts()).toThrow('no sample that was run has a label in l.csv')
  })
})
