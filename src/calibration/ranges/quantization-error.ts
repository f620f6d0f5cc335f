import type { Bins } from './distribution.ts'
import { type Grid, type GridType, rangeOfGrid } from './grid.ts'

/** Squared errors summed over all values of a distribution. */
export interface QuantizationError {
  /** Of values between the lowest and the highest level, and half a step beyond. */
  readonly rounding: number
  /** Of values further out. */
  readonly clipping: number
}

/**
 * Squared error of quantizing a distribution to a grid: the integral over every bin, in closed form. Exact for values that
 * are spread evenly within their bins; zeros are on the grid and cost nothing.
 */
export function quantizationError({ from, to, count }: Bins, grid: Grid, type: GridType): QuantizationError {
  const { scale } = grid
  const { min, max } = rangeOfGrid(grid, type)
  const cube = scale * scale * scale
  const last = (max - min) / scale
  let [rounding, clipping] = [0, 0]
  for (let bin = 0; bin < count.length; bin++) {
    const width = to[bin]! - from[bin]!
    // Positions in steps from the lowest level.
    const start = (from[bin]! - min) / scale
    const end = (to[bin]! - min) / scale
    if (!(width > 0) || !(end > start)) {
      const error = pointError(start, last) * scale * scale * count[bin]!
      if (start < -0.5 || start > last + 0.5) clipping += error
      else rounding += error
      continue
    }
    const density = (count[bin]! / width) * cube
    const [left, right] = [clamp(start, last), clamp(end, last)]
    if (right > left) rounding += density * (within(right) - within(left))
    if (start < -0.5) clipping += density * (cubed(Math.min(end, -0.5)) - cubed(start))
    if (end > last + 0.5) clipping += density * (cubed(end - last) - cubed(Math.max(start - last, 0.5)))
  }
  return { rounding, clipping }
}

/** Sum of the squares of all values. */
export function energyOf({ from, to, count }: Bins): number {
  let energy = 0
  for (let bin = 0; bin < count.length; bin++) {
    const [a, b] = [from[bin]!, to[bin]!]
    energy += (count[bin]! * (a * a + a * b + b * b)) / 3
  }
  return energy
}

function clamp(position: number, last: number): number {
  return Math.min(Math.max(position, -0.5), last + 0.5)
}

/** Integral of the squared distance to the nearest integer, from -1/2 up. */
function within(position: number): number {
  const whole = Math.floor(position + 0.5)
  const rest = position - whole
  return whole / 12 + (rest * rest * rest + 0.125) / 3
}

/** Integral of the square. */
function cubed(x: number): number {
  return (x * x * x) / 3
}

function pointError(position: number, last: number): number {
  const nearest = Math.min(Math.max(Math.floor(position + 0.5), 0), last)
  return (position - nearest) * (position - nearest)
}
