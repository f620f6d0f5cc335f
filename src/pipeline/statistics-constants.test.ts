import { expect, test } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { readStatistics, writeStatistics } from '../calibration/statistics-file.ts'
import type { StaticWeight } from '../model/activation.ts'
import type { Statistics } from '../model/statistics.ts'
import type { StaticConstants } from './static/static-weights.ts'
import { constantsIn, withConstants } from './statistics-constants.ts'

const NONE: Statistics = {
  model: 'a'.repeat(64),
  labels: [],
  values: new Map(),
  skipped: new Map(),
  carried: [],
  choices: new Map([['other', 1]]),
}

function weight(codes: readonly number[], scales: readonly number[], dtype: 'i8' | 'u8' = 'i8'): StaticWeight {
  const bytes = Uint8Array.from(codes)
  const storage = { kind: 'bytes', bytes, byteLength: bytes.length } as const
  return {
    codes: { name: 'w.codes', dtype, shape: [scales.length, codes.length / scales.length], storage },
    scales: Float32Array.from(scales),
    axis: 0,
  }
}

const figure = (sqnrDb: number) => ({ sqnrDb, form: 's8' as const, biasCorrected: false })
const PLAIN: StaticConstants = {
  weights: new Map([
    ['a/b', weight([1, 2, 3, 4], [0.5, 0.25])],
    ['same', weight([1, 2], [1, 1])],
  ]),
  biases: new Map([
    ['b', Float32Array.of(1, 2)],
    ['same', Float32Array.of(3)],
  ]),
  plainBiases: new Map(),
  figures: new Map([
    ['a/b', figure(30)],
    ['same', figure(40)],
  ]),
}
const REFINED: StaticConstants = {
  ...PLAIN,
  weights: new Map([...PLAIN.weights, ['a/b', weight([129, 130, 131, 132], [0.5, 0.3], 'u8')]]),
  biases: new Map([...PLAIN.biases, ['b', Float32Array.of(1, 2.5)]]),
  figures: new Map([...PLAIN.figures, ['a/b', { ...figure(Number.POSITIVE_INFINITY), form: 'u8' as const }]]),
}

test('what was fitted comes back from a file to the bit, and only what differs is kept', async () => {
  const kept = withConstants(NONE, 'key', PLAIN, REFINED)
  expect([...kept.arrays!.keys()]).toEqual(['key/codes/a/b', 'key/scales/a/b', 'key/bias/b'])
  const read = await readStatistics(memorySource(writeStatistics(kept)))
  expect(constantsIn(read, 'key')!(PLAIN)).toEqual(REFINED)
  expect(constantsIn(read, 'none')).toBeUndefined()
  expect(constantsIn(NONE, 'key')).toBeUndefined()
  expect(read.choices?.get('other')).toBe(1)
})

test('kept again under a key, nothing of before stays; nothing refined is a fact, too', () => {
  const twice = withConstants(withConstants(NONE, 'key', PLAIN, REFINED), 'key', PLAIN, PLAIN)
  expect(twice.arrays?.size).toBe(0)
  expect(constantsIn(twice, 'key')!(PLAIN)).toEqual(PLAIN)
})

test('what does not fit the model is refused', () => {
  const kept = withConstants(NONE, 'key', PLAIN, REFINED)
  const changed = (name: string, change: object): Statistics => ({
    ...kept,
    arrays: new Map([...kept.arrays!, [name, { ...kept.arrays!.get(name)!, ...change }]]),
  })
  const wrong: readonly Statistics[] = [
    changed('key/codes/a/b', { shape: [4, 1] }),
    changed('key/codes/a/b', { dtype: 'i16' }),
    changed('key/scales/a/b', { shape: [1], data: new Uint8Array(4) }),
    changed('key/scales/a/b', { data: new Uint8Array(8) }),
    changed('key/bias/b', { shape: [1] }),
    changed('key/bias/b', { data: new Uint8Array(8).fill(255) }),
    { ...kept, choices: new Map([['constants of key', [['a/b', { sqnrDb: 'much' }]]]]) },
    { ...kept, choices: new Map([['constants of key', [['none', {}]]]]) },
    { ...kept, arrays: new Map([...kept.arrays!, ['key/bias/unknown', kept.arrays!.get('key/bias/b')!]]) },
  ]
  for (const statistics of wrong)
    expect(() => constantsIn(statistics, 'key')!(PLAIN)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})
