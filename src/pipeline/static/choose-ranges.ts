import type { Calibrator } from '../../calibration/ranges/index.ts'
import type { ActivationGrid, ActivationPoint, Placement } from '../../model/activation.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { gridOfGroup } from './static-grids.ts'
import { type Trial, worstOf } from './trial.ts'

export interface RangeChoice {
  readonly calibrator: Calibrator
  /** Noise at the worst output with this group alone rounded: of the choice, and of the calibrator it had before. */
  readonly noise: number
  readonly before: number
}

/** In the order they are tried; the first is what a group has without a trial. */
export const CANDIDATES: readonly Calibrator[] = ['percentile', 'minmax', 'mse', 'sqnr', 'entropy']

/** Grids whose scales differ by less than this round the same way. */
const SAME = 0.02
/** A change has to lower the noise by this much: samples are few. */
const WORTH = 0.9

/**
 * For every group the calibrator whose range disturbs the outputs least, measured with this group alone rounded. Groups are taken in the order
 * of the noise they make, and after `most` runs the others keep what they have.
 */
export async function chooseRanges(
  trial: Trial,
  placement: Placement,
  statistics: Statistics,
  most: number,
  tools: Tools,
): Promise<ReadonlyMap<string, RangeChoice>> {
  const members = new Map<string, ActivationPoint[]>()
  for (const point of placement.points) members.set(point.group, [...(members.get(point.group) ?? []), point])
  const groups = [...trial.board.groups.keys()]
  const rivals = new Map<string, readonly (readonly [Calibrator, ActivationGrid])[]>()
  for (const name of groups) rivals.set(name, rivalsOf(members.get(name) ?? [], statistics))
  const first = trial.runs
  const before = new Map<string, number>()
  const open = groups.filter((name) => (rivals.get(name)?.length ?? 0) > 1)
  for (const [done, name] of open.entries()) {
    if (trial.runs - first >= most) break
    tools.notify({ phase: 'ranges', done, total: open.length, note: name })
    before.set(name, worstOf(await trial.group(name)))
  }
  const order = [...before].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const choices = new Map<string, RangeChoice>()
  for (const [done, [name, own]] of order.entries()) {
    if (trial.runs - first >= most) break
    tools.notify({ phase: 'ranges', done, total: order.length, note: name })
    let best: readonly [Calibrator, number] | undefined
    for (const [calibrator, grid] of rivals.get(name)?.slice(1) ?? []) {
      const noise = worstOf(await trial.group(name, grid))
      if (noise < own * WORTH && noise < (best?.[1] ?? Number.POSITIVE_INFINITY)) best = [calibrator, noise]
    }
    if (best) choices.set(name, { calibrator: best[0], noise: best[1], before: own })
  }
  return choices
}

/** Candidates whose grids differ, the standing one first. */
function rivalsOf(
  points: readonly ActivationPoint[],
  statistics: Statistics,
): readonly (readonly [Calibrator, ActivationGrid])[] {
  const found: (readonly [Calibrator, ActivationGrid])[] = []
  for (const calibrator of CANDIDATES) {
    const grid = gridOfGroup(points, statistics, calibrator)
    const same = found.some(([, one]) => Math.abs(one.scale / grid.scale - 1) < SAME && one.zero === grid.zero)
    if (!same) found.push([calibrator, grid])
  }
  return found
}
