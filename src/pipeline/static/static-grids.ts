import { type Calibrator, rangeBy } from '../../calibration/ranges/index.ts'
import { TersorError } from '../../errors.ts'
import { gridOf, wideGridOf } from '../../graph/placement/index.ts'
import type { ActivationGrid, ActivationPoint, Placement } from '../../model/activation.ts'
import type { ValueRange } from '../../model/observer.ts'
import type { Statistics } from '../../model/statistics.ts'

/** How the range of each group is found. */
export type CalibratorOf = (group: string) => Calibrator

/** A grid for every group of a placement: the hull of the ranges of its values. E_PLAN for a value that nothing is known of. */
export function gridsOf(
  placement: Placement,
  statistics: Statistics,
  calibratorOf: CalibratorOf,
): ReadonlyMap<string, ActivationGrid> {
  const groups = new Map<string, ActivationPoint[]>()
  for (const point of placement.points) {
    const members = groups.get(point.group)
    if (members) members.push(point)
    else groups.set(point.group, [point])
  }
  return new Map(
    [...groups].map(([group, points]) => [group, gridOfGroup(points, statistics, calibratorOf(group))] as const),
  )
}

/** The grid of values that share one. */
export function gridOfGroup(
  points: readonly ActivationPoint[],
  statistics: Statistics,
  calibrator: Calibrator,
): ActivationGrid {
  let range: ValueRange | undefined
  for (const { value } of points) {
    const seen = statistics.values.get(value)
    if (seen === undefined) {
      const why = statistics.skipped.get(value) ?? 'it was not seen'
      throw new TersorError('E_PLAN', `no range is known of "${value}": ${why}`, {
        where: value,
        hint: 'give data that reaches this part of the model, or keep its layer with --rule',
      })
    }
    // 16 bits have steps to spare: nothing is clipped.
    const found = rangeBy(isWide(points) ? 'minmax' : calibrator, seen, { type: 'u8', symmetric: false })
    range = range ? { min: Math.min(range.min, found.min), max: Math.max(range.max, found.max) } : found
  }
  const { min, max } = range as ValueRange
  const { bounds } = points.at(-1) as ActivationPoint
  return isWide(points) ? wideGridOf(min, max, bounds) : gridOf(min, max, 'u8', bounds)
}

function isWide(points: readonly ActivationPoint[]): boolean {
  return points[0]?.precision === 'wide'
}
