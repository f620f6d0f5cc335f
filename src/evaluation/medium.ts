import type { Sample, Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { type Numbers, numbersOf } from './elements.ts'

/** What people look at or listen to. */
export type Medium = 'picture' | 'waveform' | 'spectrum'

/** What is known of a float input from what was fed. */
export interface InputFacts {
  readonly name: string
  readonly shape: readonly number[]
  readonly low: number
  readonly high: number
}

export interface MediumFacts {
  readonly medium: Medium
  /** Pictures: what pixels mean as black and as white. */
  readonly range?: { readonly low: number; readonly high: number }
}

/** Pictures smaller than this are feature maps. */
const LEAST_SIDE = 16
const LEAST_SOUND = 64
/** Frequencies of the shortest transform that anyone listens to: 64 points. */
const LEAST_BINS = 33
const SOUND = /audio|wav|speech|sound|pcm|voice|enh|denois/i
const SPECTRUM = /spec|stft|fft|mel|magnitude/i
const INNER = /state|cache|memory|hidden|feat|embed|past|present/i
/** Samples that are looked at. */
const LOOKED_AT = 4

/** Shape and reach of every float input over the first samples; inputs whose shape changes keep the first one. */
export function inputFactsOf(samples: readonly Pick<Sample, 'feeds'>[]): readonly InputFacts[] {
  const facts = new Map<string, InputFacts>()
  for (const { feeds } of samples.slice(0, LOOKED_AT)) {
    for (const [name, value] of Object.entries(feeds)) {
      if (!isFloat(value.dtype)) continue
      const { low, high } = reachOf(numbersOf(value, name))
      const before = facts.get(name)
      facts.set(name, {
        name,
        shape: before?.shape ?? value.shape,
        low: Math.min(low, before?.low ?? low),
        high: Math.max(high, before?.high ?? high),
      })
    }
  }
  return [...facts.values()]
}

/** [N, C, H, W] with one or three colours. */
export function isPictureShape(shape: readonly number[], least = LEAST_SIDE): boolean {
  const [, colours = 0, height = 0, width = 0] = shape
  return shape.length === 4 && (colours === 1 || colours === 3) && height >= least && width >= least
}

/** Black and white of a picture input: 0 to 1, 0 to 255, or what was fed. */
export function pictureRangeOf({ low, high }: InputFacts): { readonly low: number; readonly high: number } {
  if (low >= 0 && high <= 1) return { low: 0, high: 1 }
  if (low >= 0 && high <= 255 && high > 2) return { low: 0, high: 255 }
  return { low, high }
}

/**
 * Recognises an output that is a picture (the shape of one, values like those of a picture that is fed), a waveform or a spectrum
 * (their names, or the shape of such an input). Undefined for everything else.
 */
export function mediumOf(
  name: string,
  { shape }: Value,
  numbers: Numbers,
  inputs: readonly InputFacts[],
): MediumFacts | undefined {
  if (INNER.test(name)) return undefined
  if (isSpectrum(name, shape, inputs)) return { medium: 'spectrum' }
  if (isWaveform(name, shape, numbers, inputs)) return { medium: 'waveform' }
  if (!isPictureShape(shape)) return undefined
  for (const input of inputs) {
    if (!isPictureShape(input.shape) || INNER.test(input.name)) continue
    const range = pictureRangeOf(input)
    if (liesLike(numbers, range)) return { medium: 'picture', range }
  }
  return undefined
}

/** Where the axes of a spectrum are; null for those it does not have. */
export interface SpectrumAxes {
  readonly bins: number
  /** Real and imaginary part. */
  readonly parts: number | null
  readonly frames: number | null
}

/** Axes by their lengths: 2 are parts, the longest of the others (or the one of an odd length) are the frequencies. */
export function spectrumAxes(shape: readonly number[]): SpectrumAxes | undefined {
  const inner = shape.map((size, axis) => ({ size, axis })).slice(1)
  const parts = inner.find(({ size, axis }) => size === 2 && (axis === shape.length - 1 || axis === 1))
  const rest = inner.filter((one) => one !== parts && one.size > 0)
  const odd = rest.filter(({ size }) => size >= LEAST_BINS && size % 2 === 1)
  const bins = odd.length === 1 ? odd[0] : rest.find(({ size }) => size >= LEAST_BINS)
  if (bins === undefined) return undefined
  const others = rest.filter((one) => one !== bins && one.size > 1)
  if (others.length > 1) return undefined
  return { bins: bins.axis, parts: parts?.axis ?? null, frames: others[0]?.axis ?? null }
}

function isSpectrum(name: string, shape: readonly number[], inputs: readonly InputFacts[]): boolean {
  const axes = spectrumAxes(shape)
  if (shape.length < 3 || axes === undefined) return false
  if (SPECTRUM.test(name)) return true
  // Real and imaginary parts of one transform in, the same out.
  return axes.parts !== null && shape[axes.bins]! % 2 === 1 && inputs.some((input) => sameShape(input.shape, shape))
}

function isWaveform(name: string, shape: readonly number[], numbers: Numbers, inputs: readonly InputFacts[]): boolean {
  const length = shape.at(-1) ?? 0
  if (shape.length > 3 || length < LEAST_SOUND || shape.slice(0, -1).some((size) => size > 2)) return false
  const heard = inputs.some((input) => SOUND.test(input.name) && (input.shape.at(-1) ?? 0) >= LEAST_SOUND)
  if (!SOUND.test(name) && !heard) return false
  const { low, high } = reachOf(numbers)
  return low < 0 && high > 0
}

/** A span that is alike and a mean that lies inside: a mask of logits or a map of distances is no picture. */
function liesLike(numbers: Numbers, range: { readonly low: number; readonly high: number }): boolean {
  const span = range.high - range.low
  const { low, high, mean } = reachOf(numbers)
  const ratio = (high - low) / span
  return ratio > 0.1 && ratio < 4 && mean > range.low - span / 4 && mean < range.high + span / 4
}

function reachOf(numbers: Numbers): { readonly low: number; readonly high: number; readonly mean: number } {
  let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const value of numbers) {
    if (value < low) low = value
    if (value > high) high = value
    sum += value
  }
  return { low, high, mean: numbers.length === 0 ? 0 : sum / numbers.length }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}
