import type { Numbers } from '../elements.ts'

/** How many elements are not finite although the reference is finite there. */
export function countNonFinite(reference: Numbers, candidate: Numbers): number {
  let count = 0
  for (let i = 0; i < reference.length; i += 1) {
    if (!Number.isFinite(candidate[i]!) && Number.isFinite(reference[i]!)) count += 1
  }
  return count
}
