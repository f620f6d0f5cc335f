import { expect, test } from 'vitest'
import { madeWhenRead } from './made-when-read.ts'

test('made once for readings in a row, and again after the last byte was read', async () => {
  let times = 0
  const storage = madeWhenRead('t', 4, async () => Uint8Array.of(++times, 2, 3, 4))
  if (storage.kind !== 'span') throw new Error('expected a span')
  const read = async (start: number, end: number) => [...(await storage.source.read(start, end))]
  expect([await read(0, 2), await read(2, 3), await read(3, 4)]).toEqual([[1, 2], [3], [4]])
  expect(await read(0, 4)).toEqual([2, 2, 3, 4])
})
