import { describe, expect, it } from 'vitest'
import type { SessionInput } from '../../model/runtime.ts'
import { floatsOf } from '../convert.ts'
import { pictureInputOf, pictureValue } from './picture-input.ts'
import { toColour, toGrey } from './pixels.ts'
import { PICTURE_PRESETS, type PictureRecipe } from './recipe.ts'

const raw = PICTURE_PRESETS.get('raw')!
const input = (shape: SessionInput['shape'], dtype: SessionInput['dtype'] = 'f32'): SessionInput => ({
  name: 'x',
  dtype,
  shape,
})
/** Two pixels: (1, 2, 3) and (4, 5, 6). */
const two = { height: 1, width: 2, channels: 3 as const, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }
const values = (shape: SessionInput['shape'], recipe: PictureRecipe = raw, dtype: SessionInput['dtype'] = 'f32') => {
  const value = pictureValue(two, pictureInputOf([input(shape, dtype)], recipe), recipe, 'p.png')
  return { shape: value.shape, values: dtype === 'u8' ? [...(value.data as Uint8Array)] : [...floatsOf(value)] }
}

describe('a picture as an input', () => {
  it('layout from the model, or as said', () => {
    expect(values(['N', 3, 'H', 'W'])).toEqual({ shape: [1, 3, 1, 2], values: [1, 4, 2, 5, 3, 6] })
    expect(values(['N', 'H', 'W', 3])).toEqual({ shape: [1, 1, 2, 3], values: [1, 2, 3, 4, 5, 6] })
    expect(values([3, 'H', 'W']).shape).toEqual([3, 1, 2])
    expect(values([null, null, null, null]).shape).toEqual([1, 3, 1, 2])
    expect(values([null, null, null, null], { ...raw, layout: 'nhwc' }).shape).toEqual([1, 1, 2, 3])
  })

  it('blue first where said, with statistics in the order of the model', () => {
    const recipe: PictureRecipe = { ...raw, channels: 'bgr', mean: [1, 2, 3], std: [2, 1, 1] }
    expect(values(['N', 3, 1, 2], recipe).values).toEqual([1, 2.5, 0, 3, -2, 1])
  })

  it('value = (pixel * scale - mean) / std, rounded once', () => {
    const recipe: PictureRecipe = { ...raw, scale: 1 / 255, mean: [0.5], std: [0.25] }
    expect(values(['N', 3, 1, 2], recipe).values[0]).toBe(Math.fround((1 / 255 - 0.5) / 0.25))
  })

  it('grey for one channel, colour from grey, bytes for byte inputs', () => {
    expect(values(['N', 1, 1, 2])).toEqual({ shape: [1, 1, 1, 2], values: [2, 5] })
    expect([...toGrey(two).data]).toEqual([2, 5])
    expect([...toColour({ height: 1, width: 1, channels: 1, data: Uint8Array.of(9) }).data]).toEqual([9, 9, 9])
    expect(values(['N', 1, 2, 3], raw, 'u8')).toEqual({ shape: [1, 1, 2, 3], values: [1, 2, 3, 4, 5, 6] })
  })

  it.each([
    ['no input for pictures', [input(['N', 10])], raw, 'found none among "x"'],
    ['several pictures at once', [input([8, 3, 4, 4])], raw, 'takes 8 pictures at once'],
    ['four channels', [input(['N', 4, 4, 4])], raw, 'takes 4 channels'],
    ['colour asked of a grey model', [input(['N', 1, 4, 4])], { ...raw, channels: 'rgb' }, 'says channels=rgb'],
    [
      'colour statistics for a grey model',
      [input(['N', 1, 4, 4])],
      PICTURE_PRESETS.get('imagenet')!,
      '3 values for mean',
    ],
    [
      'a crop that the model does not take',
      [input(['N', 3, 4, 4])],
      { ...raw, crop: { height: 5, width: 5 } },
      'crops to 5x5',
    ],
    ['fractions for bytes', [input(['N', 4, 4, 3], 'u8')], PICTURE_PRESETS.get('unit')!, 'its pixels stay as they are'],
  ] as const)('%s is refused', (_, inputs, recipe, message) => {
    expect(() => pictureInputOf(inputs, recipe as PictureRecipe)).toThrow(message)
  })
})
