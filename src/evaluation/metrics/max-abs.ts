import type { Numbers } from '../elements.ts'

export interface MaxAbsMeter {
  add(reference: Numbers, candidate: Numbers): void
  /** The largest difference of an element. */
  value(): number
  /** The largest magnitude in the reference. */
  ofReference(): number
}

/** Elements that are not finite on either side are left out. */
export function maxAbsMeter(): MaxAbsMeter {
  let largest = 0
  let reach = 0
  return {
    add(reference, candidate) {
      for (let i = 0; i < reference.length; i += 1) {
        const a = reference[i]!
        const difference = Math.abs(a - candidate[i]!)
        if (!Number.isFinite(difference)) continue
        if (difference > largest) largest = difference
        if (Math.abs(a) > reach) reach = Math.abs(a)
      }
    },
    value: () => largest,
    ofReference: () => reach,
  }
}
