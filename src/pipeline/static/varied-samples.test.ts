import { expect, it } from 'vitest'
import type { SampleSet } from '../../calibration/index.ts'
import type { Value } from '../../model/runtime.ts'
import { varied } from './varied-samples.ts'

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
  const planes = await varied(set(floats([1, 3, 1, 4])), 2)
  expect(planes?.count).toBe(4)
  expect(of((await planes!.at(2)).feeds.x)).toEqual(of(floats([1, 3, 1, 4])))
  const { feeds, label } = await planes!.at(3)
  expect(label).toBe('1, mirrored')
  expect(of(feeds.x)).toEqual([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8])
  expect(of(feeds.other)).toEqual([0, 1, 2])
  const mixed = await varied(set(floats([1, 2, 2, 3])), 2)
  expect(of((await mixed!.at(1)).feeds.x)).toEqual([3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8])
})

it('a part is seen as large as the whole', async () => {
  const seen = await varied(set(floats([1, 3, 4, 10])), 4)
  expect(seen?.count).toBe(8)
  const near = of((await seen!.at(2)).feeds.x)
  const turned = of((await seen!.at(3)).feeds.x)
  // Rows start a quarter of what is left below the top, columns a quarter of it from the left.
  expect(near[0]).toBeCloseTo((0.2 + 0.4 - 0.5) * 10 + 0.5 + 0.4 - 0.5, 5)
  expect(near[1]! - near[0]!).toBeCloseTo(0.8, 5)
  expect(near[10]! - near[0]!).toBeCloseTo(8, 5)
  expect(turned[1]! - turned[0]!).toBeCloseTo(-0.8, 5)
})

it('nothing else is seen otherwise', async () => {
  expect(await varied(set(floats([1, 1, 4, 4])), 4)).toBeNull()
  expect(await varied(set(floats([3, 4])), 4)).toBeNull()
  expect(await varied(set(floats([1, 3, 4, 4])), 1)).toBeNull()
})
