import { describe, expect, it } from 'vitest'
import { PICTURE_PRESETS } from '../pictures/recipe.ts'
import { parsePreprocess } from './parse-preprocess.ts'

const files = new Map<string, string>()
const parse = (text: string) => parsePreprocess(text, async (path) => files.get(path) ?? '')

describe('--preprocess', () => {
  it('presets', async () => {
    for (const [name, recipe] of PICTURE_PRESETS) expect(await parse(name)).toEqual({ text: name, picture: recipe })
    expect(await parse('mfcc')).toEqual({ text: 'mfcc', sound: { spectrum: {}, mel: {}, coefficients: 0 } })
  })

  it('keys after a preset: a crop alone resizes nothing, imagenet keeps its 256', async () => {
    const tf = (await parse('tf,crop=224')).picture!
    expect(tf).toMatchObject({ crop: { height: 224, width: 224 }, mean: [1], std: [1] })
    expect(tf.resize).toBeUndefined()
    expect((await parse('imagenet,crop=192')).picture).toMatchObject({ resize: { kind: 'short', size: 256 } })
    expect((await parse('tf,resize=240x320')).picture?.resize).toEqual({ kind: 'exact', height: 240, width: 320 })
  })

  it('keys alone, fractions, lists after commas, colons or brackets', async () => {
    const commas = await parse(
      'resize=256,crop=224,scale=1/255,mean=0.485,0.456,0.406,std=0.2,layout=nchw,channels=bgr',
    )
    expect(commas.picture).toEqual({
      resample: 'bilinear',
      resize: { kind: 'short', size: 256 },
      crop: { height: 224, width: 224 },
      scale: 1 / 255,
      mean: [0.485, 0.456, 0.406],
      std: [0.2],
      layout: 'nchw',
      channels: 'bgr',
    })
    for (const list of ['1:2:3', '[1,2,3]', '1;2;3', '1 2 3', '1, 2, 3'])
      expect((await parse(`scale=1,mean=${list},std=1`)).picture?.mean).toEqual([1, 2, 3])
  })

  it('keys of sounds', async () => {
    expect((await parse('wave,rate=8000,frame=256')).sound).toEqual({ rate: 8000, frame: 256 })
    expect((await parse('rate=8000')).sound).toEqual({ rate: 8000 })
    expect((await parse('logmel,mels=64,window=400,center=yes,mel=slaney,power=2,log=db')).sound).toEqual({
      spectrum: { window: 400, centre: true },
      mel: { bands: 64, scale: 'slaney', power: 2, log: 'db' },
    })
  })

  it.each([
    ['imagnet', 'there is no preset "imagnet"', 'did you mean "imagenet"?'],
    ['tf,corp=224', 'there is no key "corp"', 'did you mean "crop"?'],
    ['tf,rate=16000', 'there is no key "rate" for pictures', undefined],
    ['mfcc,crop=3', 'there is no key "crop" for sounds', undefined],
    ['tf,crop=0', 'expected a size', undefined],
    ['tf,crop=20000', 'expected a size', undefined],
    ['tf,scale=x', 'expected a number for scale=', undefined],
    ['tf,scale=1/0', 'expected a number for scale=', undefined],
    ['tf,std=0', 'other than 0', undefined],
    ['tf,mean=1,2', 'one number or three', undefined],
    ['tf,layout=chw', 'expected nchw, nhwc', undefined],
    ['tf,crop=3,crop=4', 'given twice', undefined],
    ['tf,', 'expected key=value', undefined],
    ['=3', 'expected key=value', undefined],
    ['', 'expected key=value', undefined],
  ])('"%s" is refused', async (text, message, hint) => {
    const error = await parse(text).catch((thrown) => thrown)
    expect(error.code).toBe('E_USAGE')
    expect(error.message).toContain(message)
    if (hint !== undefined) expect(error.hint).toContain(hint)
  })

  it('a configuration with keys after it', async () => {
    files.set(
      'a/preprocessor_config.json',
      '{"do_resize": false, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}',
    )
    const { picture, text } = await parse('a/preprocessor_config.json,channels=bgr')
    expect(picture).toEqual({
      resample: 'bilinear',
      scale: 1 / 255,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      channels: 'bgr',
    })
    expect(text).toBe('a/preprocessor_config.json,channels=bgr')
  })
})
