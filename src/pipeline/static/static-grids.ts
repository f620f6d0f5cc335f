import { type Calibrator, rangeBy } from '../../calibration/ranges/index.ts'
import { TersorError } from '../../errors.ts'
import { gridOf } from '../../graph/placement/index.ts'
import type { ActivationGrid, Placement } from '../../model/activation.ts'
import type { ValueRange } from '../../model/observer.ts'
import type { Statistics } from '../../model/statistics.ts'

/** A grid for every group of a placement: the hull of the ranges of its values. E_PLAN for a value that nothing is known of. */
export function gridsOf(
  placement: Placement,
  statistics: Statistics,
  calibrator: Calibrator,
): ReadonlyMap<string, ActivationGrid> {
  const ranges = new Map<string, ValueRange>()
  for (const { value, group } of placement.points) {
    const seen = statistics.values.get(value)
    if (seen === undefined) {
      const why = statistics.skipped.get(value) ?? 'it was not seen'
      throw new TersorError('E_PLAN', `no range is known of "${value}": ${why}`, {
        where: value,
        hint: 'give data that reaches this part of the model, or keep its layer with --rule',
      })
    }
    const found = rangeBy(calibrator, seen, { type: 'u8', symmetric: false })
    const range = ranges.get(group)
    ranges.set(group, range ? { min: Math.min(range.min, found.min), max: Math.max(range.max, found.max) } : found)
  }
  const grids = new Map<string, ActivationGrid>()
  for (const { group, bounds } of placement.points) {
    const { min, max } = ranges.get(group) as ValueRange
    grids.set(group, gridOf(min, max, 'u8', bounds))
  }
  return grids
}
