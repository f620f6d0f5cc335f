import type { SampleSet } from '../../calibration/index.ts'

/** Of data given for calibration alone, every so many samples one is held back to judge on. */
const HELD_EVERY = 4

/** The samples of a set: how many, and whether states go from one to the next. */
export type Counted = Pick<SampleSet, 'count' | 'sequence'>

/** Indices of samples to calibrate on. `judged`: the same data also has to judge. */
export function calibrating(set: Counted, judged: boolean): readonly number[] {
  const all = Array.from({ length: set.count }, (_, i) => i)
  return judged && set.count >= HELD_EVERY ? all.filter((i) => !isHeld(i, set)) : all
}

/** Indices of samples to judge on, of data that was also calibrated on: none of the former, unless there are too few. */
export function judging(set: Counted): readonly number[] {
  const all = Array.from({ length: set.count }, (_, i) => i)
  return set.count >= HELD_EVERY ? all.filter((i) => isHeld(i, set)) : all
}

/** A sequence keeps back its end: gaps would make states jump. */
function isHeld(index: number, { count, sequence }: Counted): boolean {
  if (sequence) return index >= count - Math.floor(count / HELD_EVERY)
  return index % HELD_EVERY === HELD_EVERY - 1
}

/** Some samples of a set, which may have its own from another one. Remarks go on growing while samples are read. */
export function someOf(set: SampleSet, indices: readonly number[]): SampleSet {
  const { found, filled, converted, sequence, rows, pairs } = set
  return {
    ...{ found, filled, converted, count: indices.length },
    ...(sequence === undefined ? {} : { sequence }),
    ...(rows === undefined ? {} : { rows }),
    ...(pairs === undefined ? {} : { pairs }),
    at: (index) => set.at(indices[index] as number),
    get skipped() {
      return set.skipped
    },
    get notes() {
      return set.notes ?? []
    },
  }
}
