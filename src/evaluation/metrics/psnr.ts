import { decibels } from '../decibels.ts'
import type { Numbers } from '../elements.ts'

export interface PsnrMeter {
  add(reference: Numbers, candidate: Numbers): void
  /** dB; the peak is the one given, else the range that the reference covers over all samples. */
  value(peak?: number): number
}

/** Peak signal to noise, for pictures. Elements that are not finite on either side are left out. */
export function psnrMeter(): PsnrMeter {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let noise = 0
  let elements = 0
  return {
    add(reference, candidate) {
      for (let i = 0; i < reference.length; i += 1) {
        const a = reference[i]!
        const difference = a - candidate[i]!
        if (!Number.isFinite(difference)) continue
        if (a < least) least = a
        if (a > most) most = a
        noise += difference * difference
        elements += 1
      }
    },
    value(given) {
      if (elements === 0) return decibels(0, 0)
      const peak = given ?? most - least
      return decibels(peak * peak, noise / elements)
    },
  }
}
