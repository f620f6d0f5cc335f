import { type Box, boxesOf, detectionOutputs, type InputFacts } from '../../evaluation/index.ts'
import type { BoxedPhoto, ShownBox } from '../../model/gallery.ts'
import type { Feeds, Sample } from '../../model/runtime.ts'
import { fedPicture, fitted, pixelsOf } from './picture-bytes.ts'
import { pngAddress } from './png.ts'

const SIDE = 360
const MOST_BOXES = 60
/** Places up to here are shares of the picture. */
const MOST_SHARE = 2

/** What both models see in a picture; undefined where outputs are not boxes and scores, or nothing is seen. */
export function boxedPhoto(
  sample: Sample,
  float: Feeds,
  quantized: Feeds,
  inputs: readonly InputFacts[],
): BoxedPhoto | undefined {
  const outputs = detectionOutputs(float)
  const fed = outputs && fedPicture(sample, inputs)
  if (outputs === undefined || fed === undefined) return undefined
  const [a, b] = [boxesOf(float, outputs), boxesOf(quantized, outputs)]
  if (a.length + b.length === 0) return undefined
  const [, , height = 1, width = 1] = fed.value.shape
  const shares = [...a, ...b].every(({ right, bottom }) => right <= MOST_SHARE && bottom <= MOST_SHARE)
  const pixels = fitted(pixelsOf(fed.value, fed.levels), SIDE)
  const across = pixels.width / (shares ? 1 : width)
  const down = pixels.height / (shares ? 1 : height)
  const shown = (box: Box): ShownBox => ({
    left: box.left * across,
    top: box.top * down,
    right: box.right * across,
    bottom: box.bottom * down,
    text: `${box.label}: ${Math.floor(100 * box.score + 0.5)} %`,
  })
  return {
    kind: 'boxes',
    label: sample.label,
    source: pngAddress(pixels),
    width: pixels.width,
    height: pixels.height,
    float: a.slice(0, MOST_BOXES).map(shown),
    quantized: b.slice(0, MOST_BOXES).map(shown),
  }
}
