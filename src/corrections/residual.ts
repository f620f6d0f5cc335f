import { TersorError } from '../errors.ts'
import { log2 } from '../numbers/log2.ts'

/** How far decoded values are from the true ones. Unit: that of the values. */
export interface ResidualFigures {
  readonly max: number
  readonly rms: number
  /** Of value - decoded: positive where decoded values are too small. */
  readonly mean: number
  /** Squared error over squared values; 0 for no error. */
  readonly relative: number
  /** RMS error of the means over 16 successive values of a row: what sums and products with smooth vectors see. Null: no run fills. */
  readonly runRms: number | null
  /** RMS error of the means over 4 x 4 tiles. Null: no tile fills. */
  readonly tileRms: number | null
}

export const RUN = 16
export const TILE = 4

const TEN_LOG10_2 = 3.010299956639812

/** 10 log10(ratio); finite, +-999 for 0 and infinity, as everywhere in reports. */
export function decibelsOfRatio(ratio: number): number {
  if (ratio === 0) return -999
  const decibels = TEN_LOG10_2 * log2(ratio)
  return decibels > 999 ? 999 : decibels
}

/** Figures of a matrix (rows of `rowLength`); a vector is one row. Runs and tiles that do not fill are left out. */
export function residualFigures(values: Float32Array, decoded: Float32Array, rowLength: number): ResidualFigures {
  checkParallel(values.length, decoded.length, rowLength)
  let [max, squares, sum, energy] = [0, 0, 0, 0]
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number
    const error = value - (decoded[i] as number)
    const size = error < 0 ? -error : error
    if (size > max) max = size
    squares += error * error
    sum += error
    energy += value * value
  }
  const count = values.length
  return {
    max,
    rms: count === 0 ? 0 : Math.sqrt(squares / count),
    mean: count === 0 ? 0 : sum / count,
    relative: squares === 0 ? 0 : squares / energy,
    runRms: patchRms(values, decoded, rowLength, 1, RUN),
    tileRms: patchRms(values, decoded, rowLength, TILE, TILE),
  }
}

/** RMS over all whole patches of height x width of the mean error in each. */
function patchRms(
  values: Float32Array,
  decoded: Float32Array,
  rowLength: number,
  height: number,
  width: number,
): number | null {
  const rows = rowLength === 0 ? 0 : values.length / rowLength
  let [patches, squares] = [0, 0]
  for (let top = 0; top + height <= rows; top += height) {
    for (let left = 0; left + width <= rowLength; left += width) {
      let sum = 0
      for (let row = top; row < top + height; row += 1) {
        for (let at = row * rowLength + left; at < row * rowLength + left + width; at += 1) {
          sum += (values[at] as number) - (decoded[at] as number)
        }
      }
      const mean = sum / (height * width)
      squares += mean * mean
      patches += 1
    }
  }
  return patches === 0 ? null : Math.sqrt(squares / patches)
}

/** E_USAGE unless both have the same length and rows fill it. */
export function checkParallel(count: number, other: number, rowLength: number): void {
  if (count !== other)
    throw new TersorError('E_USAGE', `expected as many decoded values as values, ${count}, found ${other}`)
  const whole = Number.isSafeInteger(rowLength) && rowLength > 0 && count % rowLength === 0
  if (!whole && count > 0) {
    throw new TersorError('E_USAGE', `expected rows that divide ${count} values, found rows of ${rowLength}`)
  }
}
