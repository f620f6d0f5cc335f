import { decibels } from '../decibels.ts'
import type { Numbers } from '../elements.ts'

export interface SqnrMeter {
  add(reference: Numbers, candidate: Numbers): void
  /** Energy of the reference over energy of the difference, all samples together, in dB. */
  value(): number
}

/** Signal to quantization noise. Elements that are not finite on either side are left out. */
export function sqnrMeter(): SqnrMeter {
  let signal = 0
  let noise = 0
  return {
    add(reference, candidate) {
      for (let i = 0; i < reference.length; i += 1) {
        const a = reference[i]!
        const difference = a - candidate[i]!
        if (!Number.isFinite(difference)) continue
        signal += a * a
        noise += difference * difference
      }
    },
    value: () => decibels(signal, noise),
  }
}
