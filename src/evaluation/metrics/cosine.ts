import type { Numbers } from '../elements.ts'

/** Below this share of the strongest sample's energy, a sample counts as silent (a root mean square of 1e-6). */
const SILENT = 1e-12
/** Below this mean square (a root mean square of 1e-6) the whole output is rounding noise, and its direction means nothing. */
const ZERO_POWER = 1e-12

export interface CosineMeter {
  add(reference: Numbers, candidate: Numbers): void
  /** Mean over samples of the cosine between float and candidate; NaN when `zero`. */
  mean(): number
  /** The lowest cosine of a sample and its index; undefined when `zero` or empty. */
  worst(): { readonly sample: number; readonly cosine: number } | undefined
  /** Whether the reference is zero or rounding noise in every sample, so that a direction is not defined. */
  zero(): boolean
  /** Whether every sample was one number: its direction is its sign, so that all samples together are one vector. */
  single(): boolean
}

/**
 * Cosine per sample, over all its elements, accumulated in doubles in element order. Elements that are not finite on either
 * side are left out. A sample that is silent on both sides is not counted; silent in float only, its cosine is 0. Where every
 * sample is one number, the mean is the cosine of all of them as one vector, and no sample is the worst.
 */
export function cosineMeter(): CosineMeter {
  const samples: { dot: number; reference: number; candidate: number }[] = []
  let elements = 0
  let longest = 0
  const single = () => longest === 1 && samples.length > 1
  const energy = () => samples.reduce((sum, { reference }) => sum + reference, 0)
  const zero = () => energy() <= ZERO_POWER * elements
  const cosines = (): { sample: number; cosine: number }[] => {
    if (zero()) return []
    const silent = SILENT * samples.reduce((most, { reference }) => Math.max(reference, most), 0)
    return samples.flatMap(({ dot, reference, candidate }, sample) => {
      if (reference <= silent) return candidate <= silent ? [] : [{ sample, cosine: 0 }]
      return [{ sample, cosine: candidate === 0 ? 0 : Math.min(1, dot / Math.sqrt(reference) / Math.sqrt(candidate)) }]
    })
  }
  const together = (): number => {
    const sum = (of: 'dot' | 'reference' | 'candidate') => samples.reduce((total, one) => total + one[of], 0)
    const candidate = sum('candidate')
    return candidate === 0 ? 0 : Math.min(1, sum('dot') / Math.sqrt(sum('reference')) / Math.sqrt(candidate))
  }
  return {
    add(reference, candidate) {
      let dot = 0
      let ofReference = 0
      let ofCandidate = 0
      for (let i = 0; i < reference.length; i += 1) {
        const a = reference[i]!
        const b = candidate[i]!
        if (!Number.isFinite(a) || !Number.isFinite(b)) continue
        dot += a * b
        ofReference += a * a
        ofCandidate += b * b
      }
      elements += reference.length
      longest = Math.max(longest, reference.length)
      samples.push({ dot, reference: ofReference, candidate: ofCandidate })
    },
    mean() {
      if (single() && !zero()) return together()
      const counted = cosines()
      return counted.length === 0 ? Number.NaN : counted.reduce((sum, { cosine }) => sum + cosine, 0) / counted.length
    },
    worst: () =>
      (single() ? [] : cosines()).reduce<{ sample: number; cosine: number } | undefined>(
        (worst, next) => (worst === undefined || next.cosine < worst.cosine ? next : worst),
        undefined,
      ),
    zero,
    single,
  }
}
