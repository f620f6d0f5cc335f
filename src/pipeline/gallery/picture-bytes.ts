import type { Pixels } from '../../calibration/pictures/pixels.ts'
import { resizePixels } from '../../calibration/pictures/resample.ts'
import { type InputFacts, isPictureShape, numbersOf, pictureRangeOf } from '../../evaluation/index.ts'
import type { Sample, Value } from '../../model/runtime.ts'

/** Mean and spread of ImageNet's colours, which most classifiers take out of their pictures. */
const MEANS = [0.485, 0.456, 0.406]
const SPREADS = [0.229, 0.224, 0.225]
const LEAST_IMAGENET = -2.2
const MOST_IMAGENET = 2.7
const LEAST_SIDE = 8

/** From model values to 0 and 1, by channel. */
export type Levels = (value: number, channel: number) => number

/** The first picture that is fed, and what its values mean. */
export function fedPicture(
  { feeds }: Sample,
  inputs: readonly InputFacts[],
): { readonly name: string; readonly value: Value; readonly levels: Levels } | undefined {
  for (const [name, value] of Object.entries(feeds)) {
    const facts = inputs.find((one) => one.name === name)
    if (facts === undefined || !isPictureShape(value.shape, LEAST_SIDE)) continue
    return { name, value, levels: levelsOf(facts) }
  }
  return undefined
}

/** 0 to 1, 0 to 255 and -1 to 1 as they are; ImageNet's mean and spread where values look like it; else all that is fed. */
export function levelsOf(facts: InputFacts): Levels {
  const { low, high } = facts
  const range = pictureRangeOf(facts)
  if (range.low === 0 && (range.high === 1 || range.high === 255)) return (value) => value / range.high
  if (low >= -1.01 && high <= 1.01) return (value) => (value + 1) / 2
  if (facts.shape[1] === 3 && low >= LEAST_IMAGENET && high <= MOST_IMAGENET)
    return (value, channel) => value * SPREADS[channel]! + MEANS[channel]!
  return (value) => (value - low) / (high - low)
}

/** The first picture of a value [N, C, H, W] as bytes. */
export function pixelsOf(value: Value, levels: Levels): Pixels {
  const [, channels = 1, height = 1, width = 1] = value.shape
  const numbers = numbersOf(value, 'picture')
  return pixelsFrom(height, width, channels as 1 | 3, (at, channel) => levels(numbers[at]!, channel))
}

/** Bytes of shares; `at` counts channel by channel, as models do. */
export function pixelsFrom(
  height: number,
  width: number,
  channels: 1 | 3,
  share: (at: number, channel: number) => number,
): Pixels {
  const area = height * width
  const data = new Uint8Array(area * channels)
  for (let channel = 0; channel < channels; channel += 1) {
    for (let i = 0; i < area; i += 1) {
      const level = Math.min(1, Math.max(0, share(channel * area + i, channel)))
      data[i * channels + channel] = Math.floor(255 * level + 0.5)
    }
  }
  return { height, width, channels, data }
}

/** As large as fits, never larger than it is; small ones by whole factors, so that pixels stay pixels. */
export function fitted(pixels: Pixels, side: number): Pixels {
  const longest = Math.max(pixels.height, pixels.width)
  if (longest <= side) return pixels
  const size = (length: number) => Math.max(1, Math.floor((length * side) / longest + 0.5))
  return resizePixels(pixels, size(pixels.height), size(pixels.width), 'box')
}
