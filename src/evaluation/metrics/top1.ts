import type { Numbers } from '../elements.ts'

export interface Top1Meter {
  /** Rows of `classes` scores each. */
  add(reference: Numbers, candidate: Numbers, classes: number): void
  /** Share of rows whose highest score is at the same class; NaN without rows. */
  value(): number
  rows(): number
}

/** Agreement of the first choice. Of equal scores the first counts, on both sides. */
export function top1Meter(): Top1Meter {
  let rows = 0
  let agreeing = 0
  return {
    add(reference, candidate, classes) {
      for (let start = 0; start + classes <= reference.length; start += classes) {
        rows += 1
        if (argmax(reference, start, classes) === argmax(candidate, start, classes)) agreeing += 1
      }
    },
    value: () => (rows === 0 ? Number.NaN : agreeing / rows),
    rows: () => rows,
  }
}

/** Position of the highest score, from 0; of equal ones the first. */
export function argmax(scores: Numbers, start: number, classes: number): number {
  let best = start
  for (let i = start + 1; i < start + classes; i += 1) if (scores[i]! > scores[best]!) best = i
  return best - start
}
