import { describe, expect, it } from 'vitest'
import type { SessionInput } from '../../model/runtime.ts'
import { floatsOf } from '../convert.ts'
import { SOUND_PRESETS, type SoundRecipe } from './recipe.ts'
import { SoundChunks } from './sound-chunks.ts'
import { soundInputOf } from './sound-input.ts'

const preset = (name: string, more: SoundRecipe = {}) => ({ ...SOUND_PRESETS.get(name)!, ...more })
const input = (shape: SessionInput['shape']): SessionInput => ({ name: 'x', dtype: 'f32', shape })
const state: SessionInput = { name: 'state', dtype: 'f32', shape: [2, 1, 128] }
const sound = Float64Array.from({ length: 4000 }, (_, i) => ((i * 37) % 100) / 100)
/** Chunks in a quarter of a second, and the shape of one. */
const cut = (shape: SessionInput['shape'], recipe: SoundRecipe) => {
  const chunks = new SoundChunks(soundInputOf([input(shape)], recipe), recipe)
  const count = chunks.count(sound.length)
  return `${count} ${count === 0 ? chunks.shortest : JSON.stringify(chunks.value(sound, 0).shape)}`
}

describe('sounds as inputs', () => {
  it.each([
    [['N', 1600], preset('wave'), '2 [1,1600]'],
    [['N', 1600], preset('wave', { step: 800 }), '4 [1,1600]'],
    [['N', 1, 'T'], preset('wave', { frame: 512 }), '7 [1,1,512]'],
    [['N', 'T'], preset('wave'), '1 [1,4000]'],
    [['T'], preset('wave', { frame: 1000 }), '4 [1000]'],
    [['N', 8000], preset('wave'), '0 8000'],
    [['N', 98, 40], preset('logmel'), '0 15920'],
    [['N', 10, 40], preset('logmel', { mel: { bands: 40 } }), '2 [1,10,40]'],
    [['N', 1, 10, 64], preset('mfcc', { coefficients: 10 }), '0 10480'],
    [['N', 13, 'T'], preset('mfcc'), '1 [1,13,23]'],
    [['N', 'T', 80], preset('logmel'), '1 [1,23,80]'],
    [['N', 80, 11], preset('logmel', { mel: { bands: 80 } }), '2 [1,80,11]'],
    [[1, 257, 1, 2], preset('stft'), '14 [1,257,1,2]'],
    [[1, 257, 'T', 2], preset('stft', { spectrum: { hop: 128 } }), '1 [1,257,28,2]'],
    [['N', 'T', 26], preset('logmel', { spectrum: { centre: true } }), '1 [1,26,26]'],
  ] as const)('shape %j: %#', (shape, recipe, expected) => {
    expect(cut(shape, recipe)).toBe(expected)
  })

  it('time first or features first: the same values', () => {
    const values = (shape: SessionInput['shape']) => {
      const recipe = preset('logmel', { mel: { bands: 4 } })
      const chunks = new SoundChunks(soundInputOf([input(shape)], recipe), recipe)
      return floatsOf(chunks.value(sound, 1))
    }
    const [rows, columns] = [values([1, 3, 4]), values([1, 4, 3])]
    expect(Array.from({ length: 12 }, (_, i) => columns[(i % 4) * 3 + Math.floor(i / 4)])).toEqual([...rows])
  })

  it('chunks follow one another; a standardized one has mean 0 and variance 1', () => {
    const wave = preset('wave', { frame: 1000, standardize: true })
    const plain = preset('wave', { frame: 1000 })
    const of = (recipe: SoundRecipe) =>
      floatsOf(new SoundChunks(soundInputOf([input(['N', 'T'])], recipe), recipe).value(sound, 1))
    expect(of(plain)[0]).toBe(Math.fround(sound[1000]!))
    const values = [...of(wave)]
    expect(values.reduce((sum, value) => sum + value, 0) / 1000).toBeCloseTo(0, 6)
    expect(values.reduce((sum, value) => sum + value * value, 0) / 1000).toBeCloseTo(1, 4)
  })

  it('an integer input is told the rate', () => {
    const rate: SessionInput = { name: 'sr', dtype: 'i64', shape: [] }
    expect(soundInputOf([input(['N', 512]), rate], preset('wave', { rate: 8000 }))).toMatchObject({
      rate: 8000,
      rateInput: rate,
    })
  })

  it.each([
    ['a piece of unknown length', [input(['N', 'T']), state], preset('wave'), 'does not say how many samples'],
    ['another length than the model’s', [input(['N', 512])], preset('wave', { frame: 256 }), 'takes 512 samples'],
    ['a waveform for a picture', [input(['N', 3, 8, 8])], preset('wave'), 'does not take a waveform'],
    ['pairs where there are none', [input(['N', 98, 40])], preset('stft'), 'does not take a complex spectrum'],
    [
      'more coefficients than bands',
      [input(['N', 98, 40])],
      preset('mfcc', { mel: { bands: 20 } }),
      '40 coefficients of 20 bands',
    ],
    [
      'a window beyond the transform',
      [input(['N', 98, 40])],
      preset('mfcc', { spectrum: { window: 600, fft: 512 } }),
      'a window of 600',
    ],
    ['bands beyond the sound', [input(['N', 98, 40])], preset('logmel', { mel: { high: 9000 } }), '20 to 9000 Hz'],
    [
      'features that the model does not take',
      [input(['N', 98, 40])],
      preset('logmel', { mel: { bands: 64 } }),
      'frames of 64 features',
    ],
    ['no input of floats', [{ name: 'i', dtype: 'i64' as const, shape: ['N'] }], preset('wave'), 'found none'],
  ] as const)('%s is refused', (_, inputs, recipe, message) => {
    expect(() => soundInputOf(inputs, recipe)).toThrow(message)
  })
})
