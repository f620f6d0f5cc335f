import { expect, it } from 'vitest'
import { runs } from './select.ts'

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

it('one sequence: its beginning', () => {
  expect(runs([300], 128)).toEqual(range(0, 128))
  expect(runs([5], 128)).toEqual(range(0, 5))
  expect(runs([300], 3)).toEqual(range(0, 3))
})

it('files of one sample each are one sequence', () => {
  expect(runs(range(0, 200).fill(1), 64)).toEqual(range(0, 64))
  expect(runs([], 4)).toEqual([])
})

it('several sequences: a part of each, short ones leave room', () => {
  expect(runs([100, 10, 200], 128)).toEqual([...range(0, 59), ...range(100, 10), ...range(110, 59)])
})

it('more sequences than are worth beginning: some of them', () => {
  expect(runs(range(0, 8).fill(100), 64)).toEqual([...range(0, 32), ...range(400, 32)])
})
