import { TersorError } from '../../errors.ts'
import type { ValueRange } from '../../model/observer.ts'

/** Everything that was seen. E_USAGE when nothing was. */
export function minMaxRange({ min, max }: ValueRange): ValueRange {
  if (!(min <= max)) throw new TersorError('E_USAGE', 'expected a range of at least one value, found an empty one')
  return { min, max }
}
