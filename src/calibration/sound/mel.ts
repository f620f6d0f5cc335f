import { log2 } from '../../numbers/log2.ts'
import { cosPi } from '../cosine.ts'
import { exponential } from '../exponential.ts'
import type { MelRecipe } from './recipe.ts'
import type { Bins } from './spectrum.ts'

/** Triangles over the bins of a spectrum, as rows of weights. */
export interface MelBank {
  readonly recipe: MelRecipe
  readonly rows: readonly { readonly start: number; readonly weights: Float64Array }[]
}

const naturalLog = (x: number) => log2(x) * Math.LN2

/** 2595 log10(1 + f / 700), as HTK, Kaldi and TensorFlow have it. */
const htk = (hertz: number) => 1127 * naturalLog(1 + hertz / 700)

/** Straight up to 1 kHz at 15 mels, then 27 steps to a factor of 6.4, as in Slaney's toolbox and librosa. */
const SLANEY_STEP = naturalLog(6.4) / 27
const slaney = (hertz: number) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + naturalLog(hertz / 1000) / SLANEY_STEP)
const slaneyHertz = (mel: number) => (mel < 15 ? (200 * mel) / 3 : 1000 * exponential((mel - 15) * SLANEY_STEP))

/**
 * `htk`: triangles straight on the mel scale, height 1, bin 0 left out; `slaney`: straight in hertz, area 1.
 * `fft` points at `rate` samples a second.
 */
export function melBank(recipe: MelRecipe, fft: number, rate: number): MelBank {
  const { bands, low, high, scale } = recipe
  const bins = Math.floor(fft / 2) + 1
  const [from, to] = scale === 'htk' ? [htk(low), htk(high)] : [slaney(low), slaney(high)]
  const mels = Array.from({ length: bands + 2 }, (_, i) => from + ((to - from) * i) / (bands + 1))
  const edges = scale === 'htk' ? mels : mels.map(slaneyHertz)
  const places = Array.from({ length: bins }, (_, bin) => {
    const hertz = (bin * rate) / fft
    return scale === 'htk' ? htk(hertz) : hertz
  })
  const rows = Array.from({ length: bands }, (_, band) => {
    const [left, centre, right] = [edges[band]!, edges[band + 1]!, edges[band + 2]!]
    const height = scale === 'slaney' ? 2 / (right - left) : 1
    const weights = places.map((place, bin) => {
      if (scale === 'htk' && bin === 0) return 0
      return height * Math.max(0, Math.min((place - left) / (centre - left), (right - place) / (right - centre)))
    })
    const start = weights.findIndex((weight) => weight > 0)
    const end = weights.findLastIndex((weight) => weight > 0) + 1
    return start < 0
      ? { start: 0, weights: new Float64Array(0) }
      : { start, weights: Float64Array.from(weights.slice(start, end)) }
  })
  return { recipe, rows }
}

/** Logarithms of the band energies of one frame. */
export function bandsOf({ recipe, rows }: MelBank, { real, imaginary }: Bins): Float64Array {
  const { power, floor, log } = recipe
  const energies = real.map((re, bin) => {
    const square = re * re + imaginary[bin]! * imaginary[bin]!
    return power === 2 ? square : Math.sqrt(square)
  })
  const unit = log === 'ln' ? Math.LN2 : log === 'log10' ? LOG10_2 : 10 * LOG10_2
  return Float64Array.from(rows, ({ start, weights }) => {
    let sum = 0
    for (let k = 0; k < weights.length; k += 1) sum += weights[k]! * energies[start + k]!
    return log2(Math.max(sum, floor)) * unit
  })
}

const LOG10_2 = 0.3010299956639812

/** The first `count` coefficients of the cosine transform (type II, times sqrt(2 / bands)); orthonormal where `orthonormal`. */
export function cosineTable(bands: number, count: number, orthonormal: boolean): readonly Float64Array[] {
  const scale = Math.sqrt(2 / bands)
  return Array.from({ length: count }, (_, k) =>
    Float64Array.from(
      { length: bands },
      (_, j) => (orthonormal && k === 0 ? Math.SQRT1_2 : 1) * scale * cosPi((k * (2 * j + 1)) / (2 * bands)),
    ),
  )
}
