import { describe, expect, it } from 'vitest'
import { PICTURE_PRESETS, type PictureRecipe, type PictureSize, sizesOf, sizeText } from './recipe.ts'

const preset = (name: string) => PICTURE_PRESETS.get(name)!
const square = { height: 224, width: 224 }
const sizes = (picture: PictureSize, recipe: PictureRecipe, model: Partial<PictureSize> = {}) => {
  const { resized, cropped } = sizesOf(picture, recipe, model, 'p.png')
  return `${sizeText(resized)} ${sizeText(cropped)}`
}

describe('sizes of a picture on its way', () => {
  it('imagenet: short side 256, middle 224, in proportion for other models', () => {
    expect(sizes({ height: 480, width: 641 }, preset('imagenet'), square)).toBe('256x341 224x224')
    expect(sizes({ height: 641, width: 480 }, preset('imagenet'))).toBe('341x256 224x224')
    expect(sizes({ height: 600, width: 600 }, preset('imagenet'), { height: 32, width: 32 })).toBe('37x37 32x32')
    expect(sizes({ height: 300, width: 600 }, preset('imagenet'), { height: 224, width: 448 })).toBe('256x512 224x448')
  })

  it('a picture of just the size stays as it is', () => {
    expect(sizes({ height: 32, width: 32 }, preset('imagenet'), { height: 32, width: 32 })).toBe('32x32 32x32')
    expect(sizes(square, preset('tf'), square)).toBe('224x224 224x224')
  })

  it('other presets cover the model, and leave the picture where the model leaves its size open', () => {
    expect(sizes({ height: 300, width: 600 }, preset('tf'), square)).toBe('224x448 224x224')
    expect(sizes({ height: 100, width: 600 }, preset('unit'), { height: 240, width: 320 })).toBe('240x1440 240x320')
    expect(sizes({ height: 300, width: 600 }, preset('raw'))).toBe('300x600 300x600')
    expect(sizes({ height: 300, width: 600 }, preset('raw'), { width: 320 })).toBe('300x600 300x320')
  })

  it('what is asked for is done: a short side, an exact size, a crop alone', () => {
    const { resize: _, ...plain } = preset('unit')
    expect(sizes({ height: 300, width: 501 }, { ...plain, resize: { kind: 'short', size: 100 } })).toBe(
      '100x167 100x167',
    )
    expect(sizes(square, { ...plain, resize: { kind: 'exact', height: 3, width: 9 } })).toBe('3x9 3x9')
    expect(sizes({ height: 256, width: 341 }, { ...plain, crop: square })).toBe('256x341 224x224')
  })

  it('a picture smaller than the crop is refused by name', () => {
    const { resize: _, ...plain } = preset('unit')
    expect(() => sizes({ height: 100, width: 300 }, { ...plain, crop: square })).toThrow(
      'p.png: expected at least 224x224 pixels, found 100x300',
    )
  })
})
