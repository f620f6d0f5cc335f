import type { Kernels } from '../../model/kernels.ts'
import { cosPi, sinPi } from '../cosine.ts'
import { cropPixels, type Pixels } from './pixels.ts'
import { type Part, type Taps, weighColours } from './weigh-colours.ts'

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
 * shrinks), rows first, bytes between the passes, integer weights. Models are trained behind this arithmetic. `part` of the resized
 * picture is all that is worked out; default the whole. `kernels` work on pictures of three channels in a fifth of the time.
 */
export function resizePixels(
  pixels: Pixels,
  height: number,
  width: number,
  resample: Resample,
  part: Part = { top: 0, left: 0, height, width },
  kernels?: Kernels,
): Pixels {
  if (pixels.height === height && pixels.width === width) return cropPixels(pixels, part)
  if (resample === 'nearest') return cropPixels(nearest(pixels, height, width), part)
  const filter = FILTERS[resample]
  const { top, left } = part
  const columns = pixels.width === width ? null : tapsOf(pixels.width, width, filter).slice(left, left + part.width)
  const rows = pixels.height === height ? null : tapsOf(pixels.height, height, filter).slice(top, top + part.height)
  const weighed = kernels && pixels.channels === 3 ? weighColours(pixels, columns, rows, part, kernels) : undefined
  if (weighed !== undefined) return weighed
  const across =
    columns === null
      ? cropPixels(pixels, { top: 0, left, height: pixels.height, width: part.width })
      : acrossRows(pixels, columns)
  return rows === null ? cropPixels(across, { ...part, left: 0 }) : downColumns(across, rows)
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

/** Of each position of a row one after the other: where its first pixel is, in channels from the start of the row, and its weights. */
interface FewTaps {
  readonly starts: Int32Array
  readonly weights: Int32Array
}

/** Undefined where more weights are needed, or the picture has fewer pixels than that. */
function fewTaps(taps: readonly Taps[], from: number, channels: number): FewTaps | undefined {
  if (from < FEW || taps.some(({ weights }) => weights.length > FEW)) return undefined
  const starts = new Int32Array(taps.length)
  const weights = new Int32Array(FEW * taps.length)
  for (const [at, one] of taps.entries()) {
    const few = atMostFew(one, from)
    starts[at] = few.start * channels
    weights.set(few.weights, FEW * at)
  }
  return { starts, weights }
}

function acrossRows({ height, width: from, channels, data }: Pixels, taps: readonly Taps[]): Pixels {
  const width = taps.length
  const target = new Uint8ClampedArray(height * width * channels)
  const few = fewTaps(taps, from, channels)
  if (few === undefined) acrossMany(target, data, height, from, channels, taps)
  else if (channels === 3) acrossColours(target, data, height, from, few)
  else acrossFew(target, data, height, from, few)
  return { height, width, channels, data: new Uint8Array(target.buffer) }
}

/** Three channels, row by row. */
function acrossColours(
  target: Uint8ClampedArray,
  data: Uint8Array,
  height: number,
  from: number,
  { starts, weights }: FewTaps,
): void {
  const width = starts.length
  for (let y = 0, out = 0; y < height; y += 1) {
    const row = y * from * 3
    for (let x = 0, k = 0; x < width; x += 1, k += FEW, out += 3) {
      const at = row + starts[x]!
      const [a, b] = [weights[k]!, weights[k + 1]!]
      const [d, e] = [weights[k + 2]!, weights[k + 3]!]
      const red = (Math.imul(a, data[at]!) + Math.imul(b, data[at + 3]!)) | 0
      const green = (Math.imul(a, data[at + 1]!) + Math.imul(b, data[at + 4]!)) | 0
      const blue = (Math.imul(a, data[at + 2]!) + Math.imul(b, data[at + 5]!)) | 0
      const moreRed = (Math.imul(d, data[at + 6]!) + Math.imul(e, data[at + 9]!)) | 0
      const moreGreen = (Math.imul(d, data[at + 7]!) + Math.imul(e, data[at + 10]!)) | 0
      const moreBlue = (Math.imul(d, data[at + 8]!) + Math.imul(e, data[at + 11]!)) | 0
      target[out] = (red + moreRed + HALF) >> WEIGHT_BITS
      target[out + 1] = (green + moreGreen + HALF) >> WEIGHT_BITS
      target[out + 2] = (blue + moreBlue + HALF) >> WEIGHT_BITS
    }
  }
}

/** One channel, row by row. */
function acrossFew(
  target: Uint8ClampedArray,
  data: Uint8Array,
  height: number,
  from: number,
  { starts, weights }: FewTaps,
): void {
  const width = starts.length
  for (let y = 0, out = 0; y < height; y += 1) {
    for (let x = 0, k = 0; x < width; x += 1, k += FEW, out += 1) {
      const at = y * from + starts[x]!
      const left = (Math.imul(weights[k]!, data[at]!) + Math.imul(weights[k + 1]!, data[at + 1]!)) | 0
      const right = (Math.imul(weights[k + 2]!, data[at + 2]!) + Math.imul(weights[k + 3]!, data[at + 3]!)) | 0
      target[out] = (left + right + HALF) >> WEIGHT_BITS
    }
  }
}

function acrossMany(
  target: Uint8ClampedArray,
  data: Uint8Array,
  height: number,
  from: number,
  channels: number,
  taps: readonly Taps[],
): void {
  const [step, rowLength] = [from * channels, taps.length * channels]
  for (const [x, { start, weights }] of taps.entries()) {
    for (let c = 0; c < channels; c += 1) {
      let first = start * channels + c
      let out = x * channels + c
      for (let y = 0; y < height; y += 1, first += step, out += rowLength) {
        let sum = HALF
        for (let k = 0, at = first; k < weights.length; k += 1, at += channels)
          sum = (sum + Math.imul(weights[k]!, data[at]!)) | 0
        target[out] = sum >> WEIGHT_BITS
      }
    }
  }
}

function downColumns({ height: from, width, channels, data }: Pixels, taps: readonly Taps[]): Pixels {
  const height = taps.length
  const rowLength = width * channels
  const target = new Uint8ClampedArray(height * rowLength)
  const sums = new Int32Array(rowLength)
  for (let y = 0; y < height; y += 1) {
    const { start, weights } = taps[y]!
    if (weights.length <= FEW && from >= FEW) {
      downFew(target, y * rowLength, data, rowLength, atMostFew(taps[y]!, from))
      continue
    }
    sums.fill(HALF)
    for (let k = 0; k < weights.length; k += 1) {
      const weight = weights[k]!
      const row = (start + k) * rowLength
      for (let x = 0; x < rowLength; x += 1) sums[x] = sums[x]! + Math.imul(weight, data[row + x]!)
    }
    for (let x = 0; x < rowLength; x += 1) target[y * rowLength + x] = sums[x]! >> WEIGHT_BITS
  }
  return { height, width, channels, data: new Uint8Array(target.buffer) }
}

/** One row. */
function downFew(target: Uint8ClampedArray, to: number, data: Uint8Array, length: number, taps: Taps): void {
  const { weights } = taps
  const [a, b] = [weights[0]!, weights[1]!]
  const [d, e] = [weights[2]!, weights[3]!]
  const first = taps.start * length
  const [second, third, fourth] = [first + length, first + 2 * length, first + 3 * length]
  for (let x = 0; x < length; x += 1) {
    const above = (Math.imul(a, data[first + x]!) + Math.imul(b, data[second + x]!)) | 0
    const below = (Math.imul(d, data[third + x]!) + Math.imul(e, data[fourth + x]!)) | 0
    target[to + x] = (above + below + HALF) >> WEIGHT_BITS
  }
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
