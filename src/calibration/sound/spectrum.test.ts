import { describe, expect, it } from 'vitest'
import { bandsOf, cosineTable, melBank } from './mel.ts'
import type { MelRecipe, SpectrumRecipe } from './recipe.ts'
import { Spectrum } from './spectrum.ts'

const noise = Float64Array.from({ length: 64 }, (_, i) => ((i * i * 7 + 3 * i) % 101) / 101 - 0.5)
const recipe = (fft: number, window: number): SpectrumRecipe => ({ fft, window, hop: 1, taper: 'rect', centre: false })
const mel: MelRecipe = { scale: 'htk', bands: 6, low: 20, high: 7600, power: 1, log: 'ln', floor: 1e-12 }

describe('spectra', () => {
  it.each([
    [64, 64],
    [64, 50],
    [60, 60],
    [25, 20],
    [2, 2],
  ])('%i points under a window of %i: the sums of the definition', (fft, window) => {
    const { real, imaginary } = new Spectrum(recipe(fft, window)).at(noise, 0)
    expect(real.length).toBe(Math.floor(fft / 2) + 1)
    for (let bin = 0; bin < real.length; bin += 1) {
      let [re, im] = [0, 0]
      for (let i = 0; i < window; i += 1) {
        re += noise[i]! * Math.cos((2 * Math.PI * bin * i) / fft)
        im -= noise[i]! * Math.sin((2 * Math.PI * bin * i) / fft)
      }
      expect(real[bin]).toBeCloseTo(re, 12)
      expect(imaginary[bin]).toBeCloseTo(im, 12)
    }
  })

  it('silence lies outside, windows are periodic', () => {
    const hann = new Spectrum({ ...recipe(4, 4), taper: 'hann' }).at(Float64Array.of(1, 1, 1, 1), 0)
    expect(hann.real[0]).toBe(2)
    const root = new Spectrum({ ...recipe(4, 4), taper: 'sqrt-hann' }).at(Float64Array.of(1, 1, 1, 1), 0)
    expect(root.real[0]).toBeCloseTo(1 + Math.SQRT2, 14)
    expect(new Spectrum(recipe(4, 4)).at(Float64Array.of(1), -2).real[0]).toBe(1)
  })
})

describe('bands and coefficients', () => {
  it('as numpy works out the formulas of TensorFlow', () => {
    const bins = new Spectrum({ ...recipe(64, 64), taper: 'hann' }).at(noise, 0)
    const bands = bandsOf(melBank(mel, 64, 16_000), bins)
    const expected = [
      0.7261975867710491, 1.257339497337217, 1.2573718697627576, 1.8520162474642807, 2.1671628956725577,
      2.112786550577437,
    ]
    for (const [i, value] of expected.entries()) expect(bands[i]).toBeCloseTo(value, 12)
    const coefficients = cosineTable(6, 4, false).map((row) =>
      row.reduce((sum, weight, j) => sum + weight * bands[j]!, 0),
    )
    const known = [5.411431700863992, -1.2335606241506998, -0.1352019899392769, 0.04812382357500203]
    for (const [i, value] of known.entries()) expect(coefficients[i]).toBeCloseTo(value, 12)
  })

  it('slaney: triangles of area 1 in hertz; the transform is orthonormal', () => {
    const { rows } = melBank({ ...mel, scale: 'slaney', low: 0, high: 8000, bands: 20 }, 2048, 16_000)
    for (const { weights } of rows.slice(3))
      expect(weights.reduce((sum, weight) => sum + weight, 0) * (16_000 / 2048)).toBeCloseTo(1, 1)
    const table = cosineTable(5, 5, true)
    for (const [i, a] of table.entries())
      for (const [j, b] of table.entries())
        expect(a.reduce((sum, weight, k) => sum + weight * b[k]!, 0)).toBeCloseTo(i === j ? 1 : 0, 14)
  })

  it('silence meets the floor, in each logarithm', () => {
    const silent = new Spectrum(recipe(64, 64)).at(new Float64Array(64), 0)
    const of = (log: MelRecipe['log']) => bandsOf(melBank({ ...mel, log, floor: 1e-10 }, 64, 16_000), silent)[0]
    expect(of('ln')).toBeCloseTo(Math.log(1e-10), 12)
    expect(of('log10')).toBeCloseTo(-10, 12)
    expect(of('db')).toBeCloseTo(-100, 12)
  })
})
