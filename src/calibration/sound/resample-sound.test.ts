import { describe, expect, it } from 'vitest'
import { sinPi } from '../cosine.ts'
import { resampleSound } from './resample-sound.ts'

const tone = (hertz: number, rate: number, length: number) =>
  Float64Array.from({ length }, (_, i) => sinPi((2 * hertz * i) / rate))
/** Largest difference away from the ends, where there is silence beside the sound. */
const difference = (a: Float64Array, b: Float64Array) =>
  a.slice(200, a.length - 200).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i + 200]!)), 0)

describe('another rate', () => {
  it.each([
    [44_100, 16_000, 1000],
    [48_000, 16_000, 6500],
    [8000, 16_000, 3300],
    [16_000, 22_050, 6000],
  ])('%i Hz to %i Hz: a tone of %i Hz stays what it is', (from, to, hertz) => {
    const resampled = resampleSound(tone(hertz, from, from / 5), from, to, 's.wav')
    expect(resampled.length).toBe(Math.floor(to / 5))
    expect(difference(resampled, tone(hertz, to, to / 5))).toBeLessThan(3e-4)
  })

  it('what the lower rate cannot hold is gone', () => {
    const resampled = resampleSound(tone(8100, 48_000, 9600), 48_000, 16_000, 's.wav')
    expect(difference(resampled, new Float64Array(3200))).toBeLessThan(1e-4)
  })

  it('a constant stays constant, the same rate costs nothing', () => {
    const ones = new Float64Array(2000).fill(1)
    expect(difference(resampleSound(ones, 44_100, 16_000, 's'), new Float64Array(800).fill(1))).toBeLessThan(1e-12)
    expect(resampleSound(ones, 8000, 8000, 's')).toBe(ones)
  })

  it('rates without a short ratio are refused', () => {
    expect(() => resampleSound(new Float64Array(9), 767_999, 768_000, 's.wav')).toThrow('s.wav: 767999 Hz to 768000 Hz')
  })
})
