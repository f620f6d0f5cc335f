import { describe, expect, it } from 'vitest'
import type { DType } from '../model/dtype.ts'
import type { SessionInput } from '../model/runtime.ts'
import { assignArrays, commonCount, cutShape, fitArray } from './split.ts'

const input = (name: string, shape: SessionInput['shape'], dtype: DType = 'f32'): SessionInput => ({
  name,
  dtype,
  shape,
})
const array = (shape: number[], dtype: DType = 'f32') => ({ dtype, shape })

describe('how an array fits an input', () => {
  const table: [string, number[], SessionInput['shape'], number, number[], number?][] = [
    ['the batch axis counts samples', [129, 98, 40], ['N', 98, 40], 129, [1, 98, 40]],
    ['a batch of one counts samples', [129, 98, 40], [1, 98, 40], 129, [1, 98, 40]],
    ['an axis in front counts samples', [129, 98, 40], [98, 40], 129, [98, 40]],
    ['an axis in front of a batch', [5, 1, 3, 8, 8], [1, 3, 8, 8], 5, [1, 3, 8, 8]],
    ['just one sample', [1, 3, 8, 8], [1, 3, 8, 8], 1, [1, 3, 8, 8]],
    ['a batch axis that is missing', [98, 40], ['N', 98, 40], 1, [1, 98, 40]],
    ['a fixed batch', [10, 3], [4, 3], 2, [4, 3], 2],
    ['a symbol that is no batch', [100, 3], ['T', 3], 1, [100, 3]],
    ['a vector of any length', [100], [null], 1, [100]],
    ['scalars', [7], [], 7, []],
    ['one scalar', [], [], 1, []],
  ]
  it.each(table)('%s', (_, found, expected, count, shape, left = 0) => {
    const cut = fitArray(array(found), input('x', expected))
    expect(cut).toMatchObject({ count, left })
    const rows = cut!.rows === 0 ? found : [cut!.rows, ...found.slice(1)]
    expect(cutShape(cut!, rows)).toEqual(shape)
  })

  it.each([
    [
      [3, 98, 41],
      ['N', 98, 40],
    ],
    [[98], ['N', 98, 40]],
    [
      [2, 3],
      [4, 3],
    ],
    [
      [28, 28],
      [2, 28, 28],
    ],
  ] as [number[], SessionInput['shape']][])('%j does not fit %j', (found, expected) => {
    expect(fitArray(array(found), input('x', expected))).toBeUndefined()
  })

  it('a type that does not convert does not fit', () => {
    expect(fitArray(array([2, 3], 'u8'), input('x', ['N', 3]))).toBeUndefined()
    expect(fitArray(array([2, 3], 'f64'), input('x', ['N', 3]))).toBeDefined()
  })
})

describe('pairing arrays with inputs', () => {
  const inputs = [input('ids', ['N', 'S'], 'i64'), input('x', ['N', 8])]

  it('by name, then by what alone fits', () => {
    const arrays = new Map([
      ['ids', array([5, 4], 'i32')],
      ['anything', array([5, 8])],
      ['labels', array([5, 2, 2])],
    ])
    const assignment = assignArrays('a.npz', arrays, inputs)
    expect([...assignment.cuts].map(([name, { key }]) => [name, key])).toEqual([
      ['ids', 'ids'],
      ['x', 'anything'],
    ])
    expect(assignment.unused).toEqual(['labels'])
    expect(commonCount('a.npz', assignment)).toBe(5)
  })

  it('never guesses between two', () => {
    const arrays = new Map([
      ['a', array([5, 8])],
      ['b', array([5, 8])],
    ])
    expect(() => assignArrays('a.npz', arrays, inputs)).toThrow(
      'a.npz: expected values for "ids" i64 [N, S], "x" f32 [N, 8]',
    )
  })

  it('says so where only the type is wrong', () => {
    const refused = (dtype: DType): unknown => {
      try {
        return assignArrays('a.npy', new Map([['a.npy', array([5, 8], dtype)]]), [input('x', ['N', 8])])
      } catch (thrown) {
        return thrown
      }
    }
    expect(refused('u8')).toMatchObject({ hint: expect.stringContaining('values of u8 are not taken for others') })
  })

  it('refuses a named array that does not fit, empty archives and unequal counts', () => {
    expect(() => assignArrays('a.npz', new Map([['x', array([5, 9])]]), inputs)).toThrow('found array "x" f32 [5, 9]')
    expect(() => assignArrays('a.npz', new Map(), inputs)).toThrow('found none')
    const uneven = assignArrays(
      'a.npz',
      new Map([
        ['ids', array([5, 4], 'i64')],
        ['x', array([6, 8])],
      ]),
      inputs,
    )
    expect(() => commonCount('a.npz', uneven)).toThrow('"ids" has 5 samples and "x" has 6')
  })
})
