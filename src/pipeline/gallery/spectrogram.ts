import { Spectrum } from '../../calibration/sound/spectrum.ts'
import { type Numbers, spectrumAxes } from '../../evaluation/index.ts'
import { log2 } from '../../numbers/log2.ts'
import type { Raster } from './png.ts'

/** Powers, frame by frame. */
export interface Frames {
  readonly bins: number
  readonly powers: readonly Float64Array[]
}

const WINDOW = 512
const HOP = 128
/** Decibels below the loudest that are drawn. */
const DEPTH = 80
const DB_PER_DOUBLING = 3.010299956639812
const TALLEST = 257

/** Short-time spectrum of a waveform: Hann windows of 512, a quarter apart. */
export function framesOfSound(sound: Float64Array): Frames {
  const fft = sound.length >= WINDOW ? WINDOW : 128
  const spectrum = new Spectrum({ window: fft, hop: fft / 4, fft, taper: 'hann', centre: false })
  const hop = fft === WINDOW ? HOP : fft / 4
  const powers: Float64Array[] = []
  for (let start = 0; start + fft <= sound.length; start += hop) {
    const { real, imaginary } = spectrum.at(sound, start)
    powers.push(real.map((re, i) => re * re + imaginary[i]! * imaginary[i]!))
  }
  return { bins: spectrum.bins, powers }
}

/** Frames of the first spectrum in a value; undefined where its axes do not show. Values without parts are taken for magnitudes. */
export function framesOfSpectrum(numbers: Numbers, shape: readonly number[]): Frames | undefined {
  const axes = spectrumAxes(shape)
  if (axes === undefined) return undefined
  const steps = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
  const bins = shape[axes.bins]!
  const frames = axes.frames === null ? 1 : shape[axes.frames]!
  const powers = Array.from({ length: frames }, (_, frame) => {
    const from = axes.frames === null ? 0 : frame * steps[axes.frames]!
    return Float64Array.from({ length: bins }, (_, bin) => {
      const at = from + bin * steps[axes.bins]!
      const other = axes.parts === null ? 0 : numbers[at + steps[axes.parts]!]!
      return numbers[at]! * numbers[at]! + other * other
    })
  })
  return { bins, powers }
}

export function loudest({ powers }: Frames): number {
  let most = 0
  for (const frame of powers) for (const power of frame) if (power > most) most = power
  return most
}

/** Time to the right, frequency upwards, 80 dB below `top` as dark as nothing. */
export function drawFrames({ bins, powers }: Frames, top: number): Raster {
  const height = Math.min(bins, TALLEST)
  const width = powers.length
  const data = new Uint8Array(width * height)
  for (const [x, frame] of powers.entries()) {
    for (let y = 0; y < height; y += 1) {
      const bin = Math.floor(((height - 1 - y) * (bins - 1)) / Math.max(1, height - 1))
      const power = frame[bin]!
      const db = power > 0 && top > 0 ? DB_PER_DOUBLING * (log2(power) - log2(top)) : -DEPTH
      data[y * width + x] = Math.floor(255 * Math.min(1, Math.max(0, 1 + db / DEPTH)))
    }
  }
  return { width, height, channels: 1, data, palette: PALETTE }
}

/** From black over violet and orange to pale yellow: brightness rises evenly, also in grey. */
const STOPS = [
  [0, 0, 4],
  [40, 17, 89],
  [114, 31, 129],
  [183, 55, 121],
  [241, 96, 93],
  [254, 176, 120],
  [252, 253, 191],
] as const

const PALETTE = Uint8Array.from({ length: 768 }, (_, i) => {
  const place = (Math.floor(i / 3) / 255) * (STOPS.length - 1)
  const stop = Math.min(STOPS.length - 2, Math.floor(place))
  const [from, to] = [STOPS[stop]![i % 3]!, STOPS[stop + 1]![i % 3]!]
  return Math.floor(from + (to - from) * (place - stop) + 0.5)
})
