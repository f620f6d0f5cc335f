import { expect, it } from 'vitest'
import { withoutPlaceholders } from './open-symbols.ts'

const shapes = (...given: (number | string | null)[][]) =>
  withoutPlaceholders(given.map((shape, i) => ({ name: `x${i}`, dtype: 'f32', shape }))).map(({ shape }) => shape)

it('names that only say "open" are no symbols', () => {
  expect(shapes([null, 3, '?', '?'], ['dynamic', 4], ['None', '-1', 'batch'])).toEqual([
    [null, 3, null, null],
    [null, 4],
    [null, null, 'batch'],
  ])
})

it('a symbol twice in the only input that has it may be two sizes, else it is one', () => {
  expect(shapes(['n', 3, 'size', 'size'])).toEqual([['n', 3, null, null]])
  expect(shapes(['batch', 'seq'], ['batch', 'seq', 'seq'])).toEqual([
    ['batch', 'seq'],
    ['batch', 'seq', 'seq'],
  ])
})
