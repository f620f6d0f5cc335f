import { cosPi, sinPi } from '../cosine.ts'
import type { SpectrumRecipe } from './recipe.ts'

/** Complex values of the bins 0 to fft / 2: real parts, imaginary parts. */
export interface Bins {
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

/** Transforms frames of one length; tables are made once. Doubles in one fixed order, own sines: the same bits everywhere. */
export class Spectrum {
  readonly recipe: SpectrumRecipe
  readonly #taper: Float64Array
  readonly #cosines: Float64Array
  readonly #sines: Float64Array
  readonly #fast: boolean

  constructor(recipe: SpectrumRecipe) {
    const { fft } = recipe
    this.recipe = recipe
    this.#taper = taperOf(recipe)
    this.#cosines = Float64Array.from({ length: fft }, (_, i) => cosPi((2 * i) / fft))
    this.#sines = Float64Array.from({ length: fft }, (_, i) => sinPi((2 * i) / fft))
    this.#fast = isPowerOfTwo(fft)
  }

  get bins(): number {
    return Math.floor(this.recipe.fft / 2) + 1
  }

  /** The window laid on `sound` from `start`; what lies outside is silence. */
  at(sound: Float64Array, start: number): Bins {
    const { fft, window } = this.recipe
    const real = new Float64Array(fft)
    for (let i = 0; i < window; i += 1) real[i] = (sound[start + i] ?? 0) * this.#taper[i]!
    return this.#fast ? this.#halving(real) : this.#plain(real)
  }

  /** Any length: the sums of the definition. */
  #plain(real: Float64Array): Bins {
    const { fft, window } = this.recipe
    const bins = { real: new Float64Array(this.bins), imaginary: new Float64Array(this.bins) }
    for (let bin = 0; bin < this.bins; bin += 1) {
      let [re, im] = [0, 0]
      for (let i = 0, turn = 0; i < window; i += 1, turn = (turn + bin) % fft) {
        re += real[i]! * this.#cosines[turn]!
        im -= real[i]! * this.#sines[turn]!
      }
      bins.real[bin] = re
      bins.imaginary[bin] = im
    }
    return bins
  }

  /** Powers of two: radix 2, decimation in time, in place. */
  #halving(real: Float64Array): Bins {
    const { fft } = this.recipe
    const imaginary = new Float64Array(fft)
    reverseBits(real)
    for (let size = 2; size <= fft; size *= 2) {
      const step = fft / size
      for (let block = 0; block < fft; block += size) {
        for (let k = 0; k < size / 2; k += 1) {
          const [a, b] = [block + k, block + k + size / 2]
          const [c, s] = [this.#cosines[k * step]!, -this.#sines[k * step]!]
          const re = real[b]! * c - imaginary[b]! * s
          const im = real[b]! * s + imaginary[b]! * c
          real[b] = real[a]! - re
          imaginary[b] = imaginary[a]! - im
          real[a] = real[a]! + re
          imaginary[a] = imaginary[a]! + im
        }
      }
    }
    return { real: real.slice(0, this.bins), imaginary: imaginary.slice(0, this.bins) }
  }
}

function taperOf({ window, taper }: SpectrumRecipe): Float64Array {
  return Float64Array.from({ length: window }, (_, i) => {
    if (taper === 'rect') return 1
    const hann = 0.5 - 0.5 * cosPi((2 * i) / window)
    return taper === 'hann' ? hann : Math.sqrt(hann)
  })
}

function isPowerOfTwo(length: number): boolean {
  let left = length
  while (left > 1 && left % 2 === 0) left /= 2
  return left === 1
}

function reverseBits(values: Float64Array): void {
  let mirrored = 0
  for (let i = 1; i < values.length; i += 1) {
    let bit = values.length / 2
    while (mirrored >= bit) {
      mirrored -= bit
      bit /= 2
    }
    mirrored += bit
    if (i < mirrored) {
      const kept = values[i]!
      values[i] = values[mirrored]!
      values[mirrored] = kept
    }
  }
}
