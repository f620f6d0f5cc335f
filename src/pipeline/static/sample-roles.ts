import type { SampleSet } from '../../calibration/index.ts'

/** Of data given for calibration alone, every so many samples one is held back to judge on. */
const HELD_EVERY = 4

/** Indices of samples to calibrate on. `judged`: the same data also has to judge. */
export function calibrating(count: number, judged: boolean): readonly number[] {
  const all = Array.from({ length: count }, (_, i) => i)
  return judged && count >= HELD_EVERY ? all.filter((i) => i % HELD_EVERY !== HELD_EVERY - 1) : all
}

/** Indices of samples to judge on, of data that was also calibrated on: none of the former, unless there are too few. */
export function judging(count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, i) => i)
  return count >= HELD_EVERY ? all.filter((i) => i % HELD_EVERY === HELD_EVERY - 1) : all
}

/** Some samples of a set, which may have its own from another one. Remarks go on growing while samples are read. */
export function someOf(set: SampleSet, indices: readonly number[]): SampleSet {
  const { found, filled, converted } = set
  return {
    ...{ found, filled, converted, count: indices.length },
    at: (index) => set.at(indices[index] as number),
    get skipped() {
      return set.skipped
    },
    get notes() {
      return set.notes ?? []
    },
  }
}
