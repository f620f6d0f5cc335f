import { decibels, type InputFacts, type MediumFacts, numbersOf } from '../../evaluation/index.ts'
import type { ComparedPictures } from '../../model/gallery.ts'
import type { Sample, Value } from '../../model/runtime.ts'
import { fedPicture, fitted, pixelsFrom, pixelsOf } from './picture-bytes.ts'
import { pngAddress } from './png.ts'

/** Longest side of a picture in a report. */
const SIDE = 320
/** How much larger differences are drawn. */
const TIMES = 8

/** The first picture of an output by both models, and eight times how far they are apart. */
export function comparedPictures(
  sample: Sample,
  output: string,
  float: Value,
  quantized: Value,
  { range = { low: 0, high: 1 } }: MediumFacts,
  inputs: readonly InputFacts[],
): ComparedPictures {
  const [, channels = 1, height = 1, width = 1] = float.shape
  const span = range.high - range.low
  const levels = (value: number) => (value - range.low) / span
  const [a, b] = [numbersOf(float, output), numbersOf(quantized, output)]
  let noise = 0
  const count = channels * height * width
  for (let i = 0; i < count; i += 1) noise += (a[i]! - b[i]!) ** 2
  const apart = (at: number) => (TIMES * Math.abs(a[at]! - b[at]!)) / span
  const difference = pixelsFrom(height, width, channels as 1 | 3, apart)
  const fed = fedPicture(sample, inputs)
  const shown = fitted(pixelsOf(float, levels), SIDE)
  return {
    kind: 'pictures',
    label: sample.label,
    output,
    width: shown.width,
    height: shown.height,
    ...(fed === undefined ? {} : { input: pngAddress(fitted(pixelsOf(fed.value, fed.levels), SIDE)) }),
    float: pngAddress(shown),
    quantized: pngAddress(fitted(pixelsOf(quantized, levels), SIDE)),
    difference: pngAddress(fitted(difference, SIDE)),
    db: decibels(span * span, noise / count),
  }
}
