import { expect, it } from 'vitest'
import type { SampleSet } from '../../calibration/index.ts'
import type { Value } from '../../model/runtime.ts'
import { mirrored } from './mirrored-samples.ts'

const floats = (shape: readonly number[]): Value => {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i)
  return { dtype: 'f32', shape, data: new Uint8Array(values.buffer) }
}
const set = (x: Value): SampleSet => ({
  ...{ count: 2, found: 2, skipped: [], filled: [], converted: [] },
  at: async (index) => ({ label: `${index}`, feeds: { x, other: floats([3]) } }),
})
const of = (value: Value | undefined): number[] => [
  ...new Float32Array(((value as Value).data as Uint8Array).slice().buffer),
]

it('pictures come a second time, mirrored along their width, whichever axis channels are on', async () => {
  const planes = await mirrored(set(floats([1, 3, 1, 4])))
  expect(planes?.count).toBe(4)
  expect(of((await planes!.at(1)).feeds.x)).toEqual(of(floats([1, 3, 1, 4])))
  const { feeds, label } = await planes!.at(3)
  expect(label).toBe('1, mirrored')
  expect(of(feeds.x)).toEqual([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8])
  expect(of(feeds.other)).toEqual([0, 1, 2])
  const mixed = await mirrored(set(floats([1, 2, 2, 3])))
  expect(of((await mixed!.at(2)).feeds.x)).toEqual([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
})

it('nothing else is mirrored', async () => {
  expect(await mirrored(set(floats([1, 1, 4, 4])))).toBeNull()
  expect(await mirrored(set(floats([3, 4])))).toBeNull()
})
