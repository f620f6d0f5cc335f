import type { Numbers } from '../elements.ts'
import { expNegative } from '../exponential.ts'

/** The window of Wang et al.: 11 x 11, Gaussian of 1.5 pixels, its sum 1. */
const SIDE = 11
const SIGMA = 1.5
const K1 = 0.01
const K2 = 0.03

const WINDOW = windowOf()

/** Maps that are averaged under the window: both pictures, their squares, their product. */
const MAPS = 5

export interface SsimMeter {
  /** Planes of `height` x `width` pixels one after the other; `peak` is the range that pixels may cover. */
  add(reference: Numbers, candidate: Numbers, height: number, width: number, peak: number): void
  /** Mean over planes, 1 where they are the same; NaN when nothing was large enough for a window. */
  mean(): number
  /** The lowest of a plane. */
  least(): number
}

export const SSIM_SIDE = SIDE

/**
 * Mean structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), over all windows that lie inside the picture. Rows stream through a
 * ring of eleven: memory grows with the width alone. Windows with values that are not finite are left out.
 */
export function ssimMeter(): SsimMeter {
  let planes = 0
  let sum = 0
  let least = Number.POSITIVE_INFINITY
  return {
    add(reference, candidate, height, width, peak) {
      if (height < SIDE || width < SIDE) return
      for (let start = 0; start + height * width <= reference.length; start += height * width) {
        const found = ofPlane(reference, candidate, start, height, width, peak)
        if (Number.isNaN(found)) continue
        planes += 1
        sum += found
        if (found < least) least = found
      }
    },
    mean: () => (planes === 0 ? Number.NaN : sum / planes),
    least: () => (planes === 0 ? Number.NaN : least),
  }
}

function ofPlane(a: Numbers, b: Numbers, start: number, height: number, width: number, peak: number): number {
  const columns = width - SIDE + 1
  const ring = new Float64Array(SIDE * MAPS * columns)
  const c1 = (K1 * peak) ** 2
  const c2 = (K2 * peak) ** 2
  let sum = 0
  let windows = 0
  for (let row = 0; row < height; row += 1) {
    alongRow(a, b, start + row * width, columns, ring, (row % SIDE) * MAPS * columns)
    if (row < SIDE - 1) continue
    for (let column = 0; column < columns; column += 1) {
      let meanA = 0
      let meanB = 0
      let squareA = 0
      let squareB = 0
      let product = 0
      for (let step = 0; step < SIDE; step += 1) {
        const at = ((row - SIDE + 1 + step) % SIDE) * MAPS * columns + column
        const weight = WINDOW[step]!
        meanA += weight * ring[at]!
        meanB += weight * ring[at + columns]!
        squareA += weight * ring[at + 2 * columns]!
        squareB += weight * ring[at + 3 * columns]!
        product += weight * ring[at + 4 * columns]!
      }
      const spread = squareA - meanA * meanA + squareB - meanB * meanB
      const together = product - meanA * meanB
      const means = meanA * meanA + meanB * meanB
      const bottom = (means + c1) * (spread + c2)
      // A constant plane of peak 0, twice.
      const value = bottom === 0 ? 1 : ((2 * meanA * meanB + c1) * (2 * together + c2)) / bottom
      if (!Number.isFinite(value)) continue
      sum += value
      windows += 1
    }
  }
  return windows === 0 ? Number.NaN : sum / windows
}

/** The five maps of one row, averaged along it, one behind the other. */
function alongRow(a: Numbers, b: Numbers, start: number, columns: number, ring: Float64Array, to: number): void {
  for (let column = 0; column < columns; column += 1) {
    let meanA = 0
    let meanB = 0
    let squareA = 0
    let squareB = 0
    let product = 0
    for (let step = 0; step < SIDE; step += 1) {
      const weight = WINDOW[step]!
      const x = a[start + column + step]!
      const y = b[start + column + step]!
      meanA += weight * x
      meanB += weight * y
      squareA += weight * x * x
      squareB += weight * y * y
      product += weight * x * y
    }
    ring[to + column] = meanA
    ring[to + columns + column] = meanB
    ring[to + 2 * columns + column] = squareA
    ring[to + 3 * columns + column] = squareB
    ring[to + 4 * columns + column] = product
  }
}

function windowOf(): Float64Array {
  const weights = Float64Array.from({ length: SIDE }, (_, i) => {
    const distance = i - (SIDE - 1) / 2
    return expNegative(-(distance * distance) / (2 * SIGMA * SIGMA))
  })
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}
