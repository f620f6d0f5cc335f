import { describe, expect, it } from 'vitest'
import type { Value } from '../model/runtime.ts'
import { outputAccumulator } from './compare.ts'
import { inputFactsOf, mediumOf, pictureRangeOf, spectrumAxes } from './medium.ts'

const value = (shape: number[], of: (i: number) => number): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)).buffer),
})
const floats = ({ data }: Value) => new Float32Array((data as Uint8Array).buffer)
const photo = (shape: number[]) => value(shape, (i) => (i * 37) % 256)
const wave = (shape: number[]) => value(shape, (i) => Math.sin(i / 3))
const facts = (feeds: Record<string, Value>) => inputFactsOf([{ feeds }])
const kindOf = (name: string, output: Value, feeds: Record<string, Value>) =>
  mediumOf(name, output, floats(output), facts(feeds))?.medium

describe('what an output is to people', () => {
  it.each<[string, string | undefined, string, Value, Record<string, Value>]>([
    ['a picture of a picture', 'picture', 'output', photo([1, 3, 24, 20]), { input: photo([1, 3, 24, 20]) }],
    ['a larger one', 'picture', 'y', photo([1, 1, 96, 96]), { x: photo([1, 1, 32, 32]) }],
    ['logits of a mask', undefined, 'mask', wave([1, 1, 32, 32]), { x: photo([1, 3, 32, 32]) }],
    ['features', undefined, 'y', photo([1, 16, 32, 32]), { x: photo([1, 3, 32, 32]) }],
    ['a small map', undefined, 'y', photo([1, 3, 8, 8]), { x: photo([1, 3, 32, 32]) }],
    ['a cache of that shape', undefined, 'cache_out', photo([1, 1, 33, 16]), { x: photo([1, 3, 32, 32]) }],
    ['a sound by name', 'waveform', 'enhanced_audio', wave([1, 4000]), { x: photo([1, 80]) }],
    ['a sound of a sound', 'waveform', 'y', wave([1, 1, 4000]), { wav: wave([1, 1, 4000]) }],
    ['a chance of speech', undefined, 'output', wave([1, 1]), { audio: wave([1, 4000]) }],
    ['parts of a transform', 'spectrum', 'enh', wave([1, 257, 1, 2]), { mix: wave([1, 257, 1, 2]) }],
    ['mel by name', 'spectrum', 'mel', wave([1, 80, 300]), { ids: photo([1, 20]) }],
  ])('%s', (_, kind, name, output, feeds) => expect(kindOf(name, output, feeds)).toBe(kind))

  it('knows black and white of the usual pictures', () => {
    const range = (low: number, high: number) => pictureRangeOf({ name: '', shape: [], low, high })
    expect(range(0.01, 0.98)).toEqual({ low: 0, high: 1 })
    expect(range(3, 250)).toEqual({ low: 0, high: 255 })
    expect(range(-1, 1)).toEqual({ low: -1, high: 1 })
  })

  it('finds the axes of a spectrum', () => {
    expect(spectrumAxes([1, 257, 1, 2])).toEqual({ bins: 1, parts: 3, frames: null })
    expect(spectrumAxes([1, 2, 257, 40])).toEqual({ bins: 2, parts: 1, frames: 3 })
    expect(spectrumAxes([1, 80, 300])).toEqual({ bins: 1, parts: null, frames: 2 })
    expect(spectrumAxes([1, 4])).toBeUndefined()
  })

  it('gives pictures PSNR by black and white, and structural similarity', () => {
    const float = photo([1, 3, 24, 20])
    const close: Value = { ...float, data: new Uint8Array(floats(float).map((x) => x + 1).buffer) }
    const output = outputAccumulator('y', { inputs: facts({ x: photo([1, 3, 24, 20]) }) })
    output.add(float, close, '')
    const figures = output.figures()
    expect(figures).toMatchObject({ medium: 'picture' })
    expect(figures.psnrDb).toBeCloseTo(10 * Math.log10(255 ** 2), 6)
    expect(figures.ssim).toBeGreaterThan(0.999)
    expect(figures.ssim).toBeLessThan(1)
  })
})
