import { expect, test } from 'vitest'
import { keepSamples } from './keep-samples.ts'
import type { SampleSet } from './sample-set.ts'

function counted(): { readonly set: SampleSet; readonly reads: number[] } {
  const reads = [0, 0, 0]
  const notes: string[] = []
  const set = {
    count: 3,
    found: 3,
    skipped: [],
    filled: [],
    converted: [],
    get notes() {
      return [...notes]
    },
    at: async (index: number) => {
      reads[index]! += 1
      notes.push(`read ${index}`)
      return {
        label: `${index}`,
        feeds: { x: { dtype: 'u8' as const, shape: [10], data: new Uint8Array(10).fill(index) } },
      }
    },
  }
  return { set, reads }
}

test('what is asked for again is read twice at the most', async () => {
  const { set, reads } = counted()
  const kept = keepSamples(set)
  for (let round = 0; round < 4; round++)
    for (const index of [0, 2]) expect((await kept.at(index)).label).toBe(`${index}`)
  expect(reads).toEqual([2, 0, 2])
  expect(kept.count).toBe(3)
  expect({ ...kept }).toMatchObject({ count: 3, found: 3, skipped: [], filled: [], converted: [] })
  expect(kept.notes).toEqual(['read 0', 'read 2', 'read 0', 'read 2'])
})

test('no more than there is room for', async () => {
  const { set, reads } = counted()
  const kept = keepSamples(set, 15)
  for (let round = 0; round < 4; round++) for (const index of [0, 1]) await kept.at(index)
  expect(reads).toEqual([2, 4, 0])
})
