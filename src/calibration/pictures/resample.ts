import { cosPi, sinPi } from '../cosine.ts'
import { cropPixels, type Pixels } from './pixels.ts'

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

/** A part of a picture. */
export interface Part {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/**
 * Resizes as Pillow does, to the byte: a filter as wide as the step between output pixels (no aliasing when a picture
 * shrinks), rows first, bytes between the passes, integer weights. Models are trained behind this arithmetic. `part` of the resized
 * picture is all that is worked out; default the whole.
 */
export function resizePixels(
  pixels: Pixels,
  height: number,
  width: number,
  resample: Resample,
  part: Part = { top: 0, left: 0, height, width },
): Pixels {
  if (pixels.height === height && pixels.width === width) return cropPixels(pixels, part)
  if (resample === 'nearest') return cropPixels(nearest(pixels, height, width), part)
  const filter = FILTERS[resample]
  const { top, left } = part
  const across =
    pixels.width === width
      ? cropPixels(pixels, { top: 0, left, height: pixels.height, width: part.width })
      : acrossRows(pixels, tapsOf(pixels.width, width, filter).slice(left, left + part.width))
  if (pixels.height === height) return cropPixels(across, { ...part, left: 0 })
  return downColumns(across, tapsOf(pixels.height, height, filter).slice(top, top + part.height))
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
    const weights = new Int32Array(end - start)
    const exact = new Float64Array(end - start)
    let sum = 0
    for (let k = 0; k < exact.length; k += 1) {
      exact[k] = at((k + start - centre + 0.5) * (1 / widening))
      sum += exact[k]!
    }
    for (let k = 0; k < exact.length; k += 1) {
      const scaled = (sum === 0 ? exact[k]! : exact[k]! / sum) * WEIGHT_ONE
      weights[k] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
    return { start, weights }
  })
}

/** Pictures that shrink a little need no more weights: a loop without a loop inside. */
const FEW = 4

/** The same with just `FEW` weights, further ones 0, inside the picture. */
function atMostFew({ start, weights }: Taps, from: number): Taps {
  const first = Math.min(start, from - FEW)
  const padded = new Int32Array(FEW)
  padded.set(weights, start - first)
  return { start: first, weights: padded }
}

function acrossRows({ height, width: from, channels, data }: Pixels, taps: readonly Taps[]): Pixels {
  const width = taps.length
  const target = new Uint8Array(height * width * channels)
  const [step, rowLength] = [from * channels, width * channels]
  for (let x = 0; x < width; x += 1) {
    const { start, weights } = taps[x]!
    const few = weights.length <= FEW && from >= FEW ? atMostFew(taps[x]!, from) : undefined
    for (let c = 0; c < channels; c += 1) {
      let first = (few?.start ?? start) * channels + c
      let out = x * channels + c
      if (few !== undefined) {
        const [a, b, d, e] = few.weights as unknown as readonly [number, number, number, number]
        for (let y = 0; y < height; y += 1, first += step, out += rowLength) {
          const left = Math.imul(a, data[first]!) + Math.imul(b, data[first + channels]!)
          const right = Math.imul(d, data[first + 2 * channels]!) + Math.imul(e, data[first + 3 * channels]!)
          target[out] = byteOf((left + right + HALF) | 0)
        }
        continue
      }
      for (let y = 0; y < height; y += 1, first += step, out += rowLength) {
        let sum = HALF
        for (let k = 0, at = first; k < weights.length; k += 1, at += channels)
          sum = (sum + Math.imul(weights[k]!, data[at]!)) | 0
        target[out] = byteOf(sum)
      }
    }
  }
  return { height, width, channels, data: target }
}

function downColumns({ height: from, width, channels, data }: Pixels, taps: readonly Taps[]): Pixels {
  const height = taps.length
  const rowLength = width * channels
  const target = new Uint8Array(height * rowLength)
  const sums = new Int32Array(rowLength)
  for (let y = 0; y < height; y += 1) {
    const { start, weights } = taps[y]!
    if (weights.length <= FEW && from >= FEW) {
      const few = atMostFew(taps[y]!, from)
      const [a, b, d, e] = few.weights as unknown as readonly [number, number, number, number]
      const [first, second, third, fourth] = [0, 1, 2, 3].map((k) => (few.start + k) * rowLength) as [
        number,
        number,
        number,
        number,
      ]
      for (let x = 0, out = y * rowLength; x < rowLength; x += 1, out += 1) {
        const above = Math.imul(a, data[first + x]!) + Math.imul(b, data[second + x]!)
        const below = Math.imul(d, data[third + x]!) + Math.imul(e, data[fourth + x]!)
        target[out] = byteOf((above + below + HALF) | 0)
      }
      continue
    }
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
