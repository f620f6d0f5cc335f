import { describe, expect, test } from 'vitest'
import { inputFactsOf } from '../../evaluation/index.ts'
import type { Feeds, Value } from '../../model/runtime.ts'
import { galleryOf } from './gallery.ts'
import { levelsOf, pixelsFrom } from './picture-bytes.ts'
import { drawFrames, framesOfSound, framesOfSpectrum, loudest } from './spectrogram.ts'

const value = (shape: number[], of: (i: number) => number): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)).buffer),
})
const photo = value([1, 3, 20, 24], (i) => (i * 31) % 256)

function shown(feeds: Feeds, float: Feeds, quantized: Feeds, times = 1) {
  const gallery = galleryOf({ inputs: inputFactsOf([{ feeds }]) }, { found: times })
  for (let i = 0; i < times; i++) gallery.add({ label: `s${i}`, index: i, feeds }, float, quantized)
  return gallery.shown()
}

describe('what is kept to look at', () => {
  test('pictures: three of them, with their input and their PSNR', () => {
    const close = value([1, 3, 20, 24], (i) => ((i * 31) % 256) + 2)
    const kept = shown({ x: photo }, { y: photo }, { y: close }, 5)
    expect(kept).toHaveLength(3)
    expect(kept[0]).toMatchObject({ kind: 'pictures', label: 's0', output: 'y', width: 24, height: 20 })
    expect((kept[0] as { db: number }).db).toBeCloseTo(20 * Math.log10(255 / 2), 6)
    for (const part of ['input', 'float', 'quantized', 'difference'])
      expect(kept[0]).toHaveProperty(part, expect.stringMatching(/^data:image\/png;base64,/))
  })

  test('classified photos: those that changed first', () => {
    const gallery = galleryOf({ inputs: inputFactsOf([{ feeds: { x: photo } }]) }, { found: 2 })
    const scores = (...values: number[]) => ({ logits: value([1, values.length], (i) => values[i]!) })
    gallery.add({ label: 'same', feeds: { x: photo } }, scores(9, 0, 0), scores(8, 0, 0))
    gallery.add({ label: 'changed', feeds: { x: photo } }, scores(0, 3, 2), scores(0, 2, 3))
    expect(gallery.shown()).toMatchObject([
      { kind: 'photo', label: 'changed', same: false, float: 'class 1, 71 %', quantized: 'class 2, 71 %' },
      { kind: 'photo', label: 'same', same: true },
    ])
  })

  test('boxes, in pixels of the photo', () => {
    const boxes = value([1, 4, 4], (i) => [0.25, 0.5, 0.5, 1][i % 4]!)
    const scores = value([1, 4, 2], (i) => [0.1, 0.9, 1, 0, 1, 0, 1, 0][i]!)
    expect(shown({ x: photo }, { boxes, scores }, { boxes, scores })).toMatchObject([
      { kind: 'boxes', width: 24, height: 20, float: [{ left: 6, top: 10, right: 12, bottom: 20, text: '1: 90 %' }] },
    ])
  })

  test('steps of a stream make one spectrogram', () => {
    const step = value([1, 65, 1, 2], (i) => Math.sin(i))
    const [one, ...others] = shown({ mix: step }, { enh: step }, { enh: step }, 6)
    expect(others).toEqual([])
    expect(one).toMatchObject({ kind: 'spectrogram', label: 's0 to s5', width: 6, height: 65, db: 999 })
  })

  test('a line of text with what comes next', () => {
    const ids: Value = { dtype: 'i64', shape: [1, 3], data: new Uint8Array(BigInt64Array.of(2n, 1n, 0n).buffer) }
    const logits = value([1, 3, 3], (i) => (i % 3 === 1 ? 5 : 0))
    const other = value([1, 3, 3], (i) => (i === 2 || i === 4 || i === 7 ? 5 : 0))
    const [line] = shown({ ids }, { logits }, { logits: other })
    expect(line).toMatchObject({
      kind: 'text',
      tokens: [
        { given: '2', float: '1', quantized: '2' },
        { given: '1', float: '1', quantized: '1' },
        { given: '0', float: '1', quantized: '1' },
      ],
    })
  })

  test('nothing for values that mean nothing to people', () => {
    const features = value([1, 16, 4, 4], (i) => i)
    expect(shown({ x: photo }, { features }, { features })).toEqual([])
  })
})

describe('pictures as bytes', () => {
  test.each([
    ['0 to 1', 0, 1, 0.5, 0.5],
    ['0 to 255', 0, 255, 51, 0.2],
    ['-1 to 1', -1, 1, 0, 0.5],
    ['ImageNet', -2.1, 2.6, 0, 0.485],
    ['anything', -10, 30, 10, 0.5],
  ])('%s', (_, low, high, given, level) => {
    expect(levelsOf({ name: 'x', shape: [1, 3, 8, 8], low, high })(given, 0)).toBeCloseTo(level, 12)
  })

  test('channels of a model become colours of pixels', () => {
    const { data } = pixelsFrom(1, 2, 3, (at) => [0, 0.2, 0.4, 0.6, 0.8, 7][at]!)
    expect([...data]).toEqual([0, 102, 204, 51, 153, 255])
  })
})

describe('spectrograms', () => {
  test('a tone is a line at its frequency', () => {
    const frames = framesOfSound(Float64Array.from({ length: 4096 }, (_, i) => Math.sin((2 * Math.PI * 32 * i) / 512)))
    expect(frames.bins).toBe(257)
    for (const power of frames.powers) expect(power.indexOf(Math.max(...power))).toBe(32)
    const { width, height, data } = drawFrames(frames, loudest(frames))
    expect([width, height]).toEqual([frames.powers.length, 257])
    expect(data[(256 - 32) * width]).toBeGreaterThan(250)
    expect(data[(256 - 200) * width]).toBeLessThan(5)
  })

  test('real and imaginary parts add their squares', () => {
    const numbers = Float32Array.from({ length: 65 * 2 }, (_, i) => (i % 2 === 0 ? 3 : 4))
    const frames = framesOfSpectrum(numbers, [1, 65, 1, 2])!
    expect(frames.powers).toHaveLength(1)
    expect([...frames.powers[0]!].every((power) => power === 25)).toBe(true)
  })
})
