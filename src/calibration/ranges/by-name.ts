import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'
import type { ValueStatistics } from '../../model/statistics.ts'
import { aciqRange } from './aciq.ts'
import { entropyRange } from './entropy.ts'
import { CODES, type GridOptions } from './grid.ts'
import { minMaxRange } from './min-max.ts'
import { movingRange } from './moving.ts'
import { percentileRange } from './percentile.ts'
import { mseRange, sqnrRange } from './search.ts'

/** Cheapest first. */
export const CALIBRATORS = ['minmax', 'moving', 'percentile', 'aciq', 'mse', 'sqnr', 'entropy'] as const
export type Calibrator = (typeof CALIBRATORS)[number]

/** Share of the values that the percentile keeps. */
const PERCENTILE = 0.99999

/**
 * The range that a calibrator finds for a grid, with its usual settings: percentile 99.999, entropy with as many levels as the
 * type has codes (half of them on one side where symmetric), ACIQ with its bits. E_USAGE where nothing was seen.
 */
export function rangeBy(calibrator: Calibrator, value: ValueStatistics, options: GridOptions): ValueRange {
  const { type, symmetric } = options
  const codes = CODES[type].high - CODES[type].low + 1
  if (value.count === 0) throw new TersorError('E_USAGE', 'expected statistics of at least one value, found none')
  switch (calibrator) {
    case 'minmax':
      return minMaxRange(value)
    case 'moving':
      return movingRange(value.samples)
    case 'percentile':
      return percentileRange(value, PERCENTILE, { symmetric })
    case 'aciq':
      return aciqRange(value, { bits: codes === 256 ? 8 : 16, symmetric })
    case 'mse':
      return mseRange(value, options)
    case 'sqnr':
      return sqnrRange(value, options)
    case 'entropy':
      return entropyRange(value, { levels: symmetric ? codes / 2 : codes, symmetric })
  }
}
