import type { Feeds } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { addUpToOne } from './add-up.ts'
import { type Numbers, numbersOf } from './elements.ts'

/** A box in the units of the output, corners first. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
  readonly label: number
  readonly score: number
}

/** Outputs of a detector whose meaning shows in their shapes: [N, 4] or [1, N, 4], and [N, C] or [1, N, C]. */
export interface DetectionOutputs {
  readonly boxes: string
  readonly scores: string
}

/** Least score of a box that counts. */
export const LEAST_SCORE = 0.5
const LEAST_OVERLAP = 0.5
/** Boxes are sorted out among this many of the best. */
const MOST_CANDIDATES = 400
const LEAST_BOXES = 4

/** The two outputs of a detector, where just one pair fits: corners or centres, and scores from 0 to 1. */
export function detectionOutputs(outputs: Feeds): DetectionOutputs | undefined {
  const flat = Object.entries(outputs).flatMap(([name, { dtype, shape }]) => {
    const plain = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape
    return isFloat(dtype) && plain.length === 2 && plain[0]! >= LEAST_BOXES
      ? [{ name, count: plain[0]!, width: plain[1]! }]
      : []
  })
  const pairs = flat
    .filter(({ width }) => width === 4)
    .flatMap((boxes) =>
      flat
        .filter(({ name, count }) => name !== boxes.name && count === boxes.count)
        .filter(({ name }) => areShares(numbersOf(outputs[name]!, name)))
        .map((scores) => ({ boxes: boxes.name, scores: scores.name })),
    )
  return pairs.length === 1 ? pairs[0] : undefined
}

/** Boxes that a reader would draw: the best class of each, above 0.5, without those that cover a better one of their class. */
export function boxesOf(outputs: Feeds, { boxes, scores }: DetectionOutputs): readonly Box[] {
  const places = numbersOf(outputs[boxes]!, boxes)
  const shares = numbersOf(outputs[scores]!, scores)
  const classes = outputs[scores]!.shape.at(-1) as number
  const count = Math.min(places.length / 4, shares.length / classes)
  const cornered = areCorners(places)
  // Rows that add up to one hold a class for nothing, and it comes first.
  const first = classes > 1 && addUpToOne(shares, classes) ? 1 : 0
  const found: Box[] = []
  for (let row = 0; row < count; row += 1) {
    let best = first
    for (let label = first; label < classes; label += 1) {
      if (shares[row * classes + label]! > shares[row * classes + best]!) best = label
    }
    const score = shares[row * classes + best]!
    if (score >= LEAST_SCORE) found.push({ ...placeOf(places, row, cornered), label: best, score })
  }
  found.sort((a, b) => b.score - a.score)
  const kept: Box[] = []
  for (const box of found.slice(0, MOST_CANDIDATES)) {
    if (!kept.some((other) => other.label === box.label && overlapOf(other, box) >= LEAST_OVERLAP)) kept.push(box)
  }
  return kept
}

/** Pairs of boxes of one class that overlap by half or more, the best overlap first, each box once. */
export function matchedBoxes(a: readonly Box[], b: readonly Box[]): readonly (readonly [Box, Box, number])[] {
  const pairs = a.flatMap((one) =>
    b
      .filter(({ label }) => label === one.label)
      .map((other): [Box, Box, number] => [one, other, overlapOf(one, other)])
      .filter(([, , overlap]) => overlap >= LEAST_OVERLAP),
  )
  pairs.sort((x, y) => y[2] - x[2])
  const used = new Set<Box>()
  return pairs.filter(([one, other]) => {
    if (used.has(one) || used.has(other)) return false
    used.add(one)
    used.add(other)
    return true
  })
}

/** Intersection over union. */
export function overlapOf(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left)
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
  if (!(width > 0 && height > 0)) return 0
  const area = (box: Box) => (box.right - box.left) * (box.bottom - box.top)
  return (width * height) / (area(a) + area(b) - width * height)
}

function placeOf(places: Numbers, row: number, cornered: boolean): Omit<Box, 'label' | 'score'> {
  const [x = 0, y = 0, z = 0, w = 0] = places.subarray(4 * row, 4 * row + 4)
  if (cornered) return { left: x, top: y, right: z, bottom: w }
  return { left: x - z / 2, top: y - w / 2, right: x + z / 2, bottom: y + w / 2 }
}

/** Corners: the third and fourth number lie beyond the first and second in nearly every row. */
function areCorners(places: Numbers): boolean {
  let beyond = 0
  const rows = places.length / 4
  for (let row = 0; row < rows; row += 1) {
    if (places[4 * row + 2]! > places[4 * row]! && places[4 * row + 3]! > places[4 * row + 1]!) beyond += 1
  }
  return beyond > 0.95 * rows
}

function areShares(numbers: Numbers): boolean {
  return numbers.every((value) => value >= -1e-3 && value <= 1.001)
}
