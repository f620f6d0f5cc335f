import { describe, expect, it } from 'vitest'
import type { SessionInput, Value } from '../model/runtime.ts'
import { packFloats } from './convert.ts'
import { SampleWatch } from './sample-watch.ts'

const x: SessionInput = { name: 'x', dtype: 'f32', shape: ['N', 3, 2, 2] }
const picture = (values: readonly number[]): Value => ({
  dtype: 'f32',
  shape: [1, 3, 2, 2],
  data: packFloats(
    Float32Array.from({ length: 12 }, (_, i) => values[i % values.length]!),
    'f32',
  ),
})
const notes = (asBytes: boolean, ...pictures: readonly (readonly number[])[]) => {
  const watch = new SampleWatch([x], asBytes)
  for (const [i, values] of pictures.entries()) watch.see(i, `p${i}.png`, { x: picture(values) })
  return watch.notes()
}

describe('what is seldom meant', () => {
  it('values as of bytes, unless the user says raw', () => {
    expect(notes(false, [0, 128, 255])).toEqual([expect.stringContaining('values from 0 to 255')])
    expect(notes(true, [0, 128, 255])).toEqual([])
    expect(notes(false, [-2, 2.5, 1])).toEqual([])
    expect(notes(false, [-100, 100, 1])).toEqual([])
  })

  it('pictures of one colour, counted once each', () => {
    const watch = new SampleWatch([x], false)
    for (const position of [0, 0, 1])
      watch.see(position, `p${position}.png`, { x: picture(position === 0 ? [0.5] : [0, 1]) })
    expect(watch.notes()).toEqual(['1 of 2 pictures is of one colour, such as p0.png'])
    expect(notes(false, [1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2])).toEqual([
      expect.stringContaining('every picture is of one colour'),
    ])
  })

  it('inputs that are no pictures are left alone', () => {
    const watch = new SampleWatch([{ name: 'x', dtype: 'f32', shape: ['N', 12] }], false)
    watch.see(0, 'a', { x: picture([255]) })
    expect(watch.notes()).toEqual([])
  })
})
