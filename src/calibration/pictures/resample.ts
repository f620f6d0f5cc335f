import { cosPi, sinPi } from '../cosine.ts'
import type { Pixels } from './pixels.ts'

/** Filters by Pillow's names, which the configuration files of models use. */
export const RESAMPLES = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const
export type Resample = (typeof RESAMPLES)[number]

/** Weights are integers of this many bits after the point, as in Pillow: sums of bytes then fit 32 bits. */
const WEIGHT_BITS = 22
const WEIGHT_ONE = 4194304
/** What makes the cut of the last bits a rounding. */
const HALF = 2097152

interface Filter {
  /** Half its width, in pixels of the smaller picture. */
  readonly support: number
  at(x: number): number
}

const FILTERS: Readonly<Record<Exclude<Resample, 'nearest'>, Filter>> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    at: (x) => (x === 0 ? 1 : Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * cosPi(x))),
  },
  bicubic: { support: 2, at: cubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/**
 * Resizes as Pillow does, to the byte: a filter as wide as the step between output pixels (no aliasing when a picture
 * shrinks), rows first, bytes between the passes, integer weights. Models are trained behind this arithmetic.
 */
export function resizePixels(pixels: Pixels, height: number, width: number, resample: Resample): Pixels {
  if (pixels.height === height && pixels.width === width) return pixels
  if (resample === 'nearest') return nearest(pixels, height, width)
  const filter = FILTERS[resample]
  const across = pixels.width === width ? pixels : acrossRows(pixels, width, filter)
  return across.height === height ? across : downColumns(across, height, filter)
}

function nearest(
  { height: fromHeight, width: fromWidth, channels, data }: Pixels,
  height: number,
  width: number,
): Pixels {
  const target = new Uint8Array(height * width * channels)
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(((y + 0.5) * fromHeight) / height)
    for (let x = 0; x < width; x += 1) {
      const from = (row * fromWidth + Math.floor(((x + 0.5) * fromWidth) / width)) * channels
      for (let c = 0; c < channels; c += 1) target[(y * width + x) * channels + c] = data[from + c]!
    }
  }
  return { height, width, channels, data: target }
}

interface Taps {
  readonly start: number
  readonly weights: Int32Array
}

/** For each output position: the first input position and the integer weights from there on. */
function tapsOf(from: number, to: number, { support, at }: Filter): readonly Taps[] {
  const step = from / to
  const widening = Math.max(step, 1)
  const reach = support * widening
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step
    const start = Math.max(0, Math.trunc(centre - reach + 0.5))
    const end = Math.min(from, Math.trunc(centre + reach + 0.5))
    const exact = Array.from({ length: end - start }, (_, k) => at((k + start - centre + 0.5) * (1 / widening)))
    const sum = exact.reduce((total, weight) => total + weight, 0)
    const weights = Int32Array.from(exact, (weight) => {
      const scaled = (sum === 0 ? weight : weight / sum) * WEIGHT_ONE
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    })
    return { start, weights }
  })
}

function acrossRows({ height, width: from, channels, data }: Pixels, width: number, filter: Filter): Pixels {
  const taps = tapsOf(from, width, filter)
  const target = new Uint8Array(height * width * channels)
  let out = 0
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const { start, weights } = taps[x]!
      const first = (y * from + start) * channels
      for (let c = 0; c < channels; c += 1) {
        let sum = HALF
        for (let k = 0, at = first + c; k < weights.length; k += 1, at += channels)
          sum = (sum + Math.imul(weights[k]!, data[at]!)) | 0
        target[out] = byteOf(sum)
        out += 1
      }
    }
  }
  return { height, width, channels, data: target }
}

function downColumns({ height: from, width, channels, data }: Pixels, height: number, filter: Filter): Pixels {
  const taps = tapsOf(from, height, filter)
  const rowLength = width * channels
  const target = new Uint8Array(height * rowLength)
  const sums = new Int32Array(rowLength)
  for (let y = 0; y < height; y += 1) {
    const { start, weights } = taps[y]!
    sums.fill(HALF)
    for (let k = 0; k < weights.length; k += 1) {
      const weight = weights[k]!
      const row = (start + k) * rowLength
      for (let x = 0; x < rowLength; x += 1) sums[x] = sums[x]! + Math.imul(weight, data[row + x]!)
    }
    for (let x = 0; x < rowLength; x += 1) target[y * rowLength + x] = byteOf(sums[x]!)
  }
  return { height, width, channels, data: target }
}

function byteOf(sum: number): number {
  const whole = sum >> WEIGHT_BITS
  return whole < 0 ? 0 : whole > 255 ? 255 : whole
}

function sinc(x: number): number {
  return x === 0 ? 1 : sinPi(x) / (Math.PI * x)
}

/** Keys' cubic with a = -1/2. */
function cubic(x: number): number {
  const d = Math.abs(x)
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
}
