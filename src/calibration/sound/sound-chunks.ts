import type { Value } from '../../model/runtime.ts'
import { packFloats } from '../convert.ts'
import { bandsOf, cosineTable, type MelBank, melBank } from './mel.ts'
import type { SoundRecipe } from './recipe.ts'
import type { SoundInput } from './sound-input.ts'
import { Spectrum } from './spectrum.ts'

/** Added to the variance, as Transformers does, so that silence stays finite. */
const TINY = 1e-7

/** Cuts sounds into chunks and makes the values of each; tables are made once for all sounds. */
export class SoundChunks {
  readonly #to: SoundInput
  readonly #recipe: SoundRecipe
  readonly #spectrum: Spectrum | undefined
  readonly #bank: MelBank | undefined
  readonly #cosines: readonly Float64Array[] | undefined

  constructor(to: SoundInput, recipe: SoundRecipe) {
    const { spectrum, mel, coefficients, rate } = to
    this.#to = to
    this.#recipe = recipe
    this.#spectrum = spectrum && new Spectrum(spectrum)
    this.#bank = mel && spectrum && melBank(mel, spectrum.fft, rate)
    this.#cosines = mel && coefficients ? cosineTable(mel.bands, coefficients, mel.scale === 'slaney') : undefined
  }

  /** Chunks in a sound of `samples` at the model's rate; what does not fill one is left out. 0 when it is too short; see `shortest`. */
  count(samples: number): number {
    const { length } = this.#to
    const units = this.#units(samples)
    if (units <= 0) return 0
    if (length === undefined) return 1
    return units < length ? 0 : Math.floor((units - length) / this.#step(length)) + 1
  }

  /** Samples that one chunk needs, or that the shortest sound has. */
  get shortest(): number {
    const { length = 1, spectrum } = this.#to
    if (spectrum === undefined) return length
    return spectrum.centre ? (length - 1) * spectrum.hop + 1 : (length - 1) * spectrum.hop + spectrum.window
  }

  /** The values of one chunk. */
  value(sound: Float64Array, chunk: number): Value {
    const { length } = this.#to
    const units = length ?? this.#units(sound.length)
    const first = length === undefined ? 0 : chunk * this.#step(length)
    if (this.#spectrum === undefined) {
      const part = sound.subarray(first, first + units)
      return this.#wave(this.#recipe.standardize === true ? standardized(part) : part)
    }
    return this.#features(sound, this.#spectrum, first, units)
  }

  #step(length: number): number {
    return this.#recipe.step ?? length
  }

  /** Samples, or frames of features. */
  #units(samples: number): number {
    const { spectrum } = this.#to
    if (spectrum === undefined) return samples
    if (spectrum.centre) return Math.floor(samples / spectrum.hop) + 1
    return samples < spectrum.window ? 0 : Math.floor((samples - spectrum.window) / spectrum.hop) + 1
  }

  #wave(part: Float64Array): Value {
    const { input, timeAxis } = this.#to
    const shape = input.shape.map((_, axis) => (axis === timeAxis ? part.length : 1))
    return { dtype: input.dtype, shape, data: packFloats(part, input.dtype) }
  }

  #features(sound: Float64Array, spectrum: Spectrum, first: number, frames: number): Value {
    const { input, timeAxis, featureAxis = -1, mel } = this.#to
    const { hop, fft, centre } = spectrum.recipe
    const padded = centre ? mirrored(sound, Math.floor(fft / 2)) : sound
    const rows = Array.from({ length: frames }, (_, i) => this.#frame(padded, spectrum, (first + i) * hop))
    const count = mel === undefined ? spectrum.bins : rows[0]!.length
    const pair = mel === undefined ? 2 : 1
    const shape = input.shape.map((_, axis) => (axis === timeAxis ? frames : axis === featureAxis ? count : 1))
    if (pair === 2) shape[shape.length - 1] = 2
    const values = new Float64Array(frames * count * pair)
    for (const [frame, row] of rows.entries()) {
      for (let i = 0; i < count; i += 1) {
        const place = timeAxis < featureAxis ? frame * count + i : i * frames + frame
        for (let part = 0; part < pair; part += 1) values[place * pair + part] = row[i * pair + part]!
      }
    }
    return { dtype: input.dtype, shape, data: packFloats(values, input.dtype) }
  }

  /** Bands, coefficients, or the bins as pairs. */
  #frame(sound: Float64Array, spectrum: Spectrum, start: number): Float64Array {
    const bins = spectrum.at(sound, start)
    if (this.#bank === undefined) {
      return Float64Array.from({ length: 2 * bins.real.length }, (_, i) =>
        i % 2 === 0 ? bins.real[i / 2]! : bins.imaginary[(i - 1) / 2]!,
      )
    }
    const bands = bandsOf(this.#bank, bins)
    if (this.#cosines === undefined) return bands
    return Float64Array.from(this.#cosines, (row) => {
      let sum = 0
      for (let j = 0; j < row.length; j += 1) sum += row[j]! * bands[j]!
      return sum
    })
  }
}

function standardized(part: Float64Array): Float64Array {
  let mean = 0
  for (let i = 0; i < part.length; i += 1) mean += part[i]!
  mean /= Math.max(1, part.length)
  let variance = 0
  for (let i = 0; i < part.length; i += 1) variance += (part[i]! - mean) * (part[i]! - mean)
  const deviation = Math.sqrt(variance / Math.max(1, part.length) + TINY)
  return part.map((sample) => (sample - mean) / deviation)
}

/** The sound continued by `more` samples at both ends as in a mirror, the end itself not repeated. */
function mirrored(sound: Float64Array, more: number): Float64Array {
  const target = new Float64Array(sound.length + 2 * more)
  const period = Math.max(1, 2 * (sound.length - 1))
  for (let i = 0; i < target.length; i += 1) {
    const turn = (((i - more) % period) + period) % period
    target[i] = sound[turn < sound.length ? turn : period - turn] ?? 0
  }
  return target
}
