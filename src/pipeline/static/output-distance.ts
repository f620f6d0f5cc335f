import { floatsOf } from '../../calibration/convert.ts'
import type { Value } from '../../model/runtime.ts'

const FLOATS: ReadonlySet<string> = new Set(['f32', 'f16', 'bf16', 'f64'])

/**
 * Largest difference of two values of one output, relative to the largest magnitude of the first. Infinity where types or shapes
 * differ, or where one is finite and the other is not; integers and strings are either equal or infinitely far.
 */
export function distanceOf(wanted: Value, found: Value | undefined): number {
  if (found === undefined || wanted.dtype !== found.dtype || String(wanted.shape) !== String(found.shape)) {
    return Number.POSITIVE_INFINITY
  }
  if (!FLOATS.has(wanted.dtype)) return sameElements(wanted, found) ? 0 : Number.POSITIVE_INFINITY
  const [a, b] = [floatsOf(wanted), floatsOf(found)]
  let [most, largest] = [0, 0]
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] as number, b[at] as number]
    if (Object.is(x, y) || x === y) {
      if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x))
      continue
    }
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY
    largest = Math.max(largest, Math.abs(x))
    most = Math.max(most, Math.abs(x - y))
  }
  return most === 0 ? 0 : most / (largest || 1)
}

function sameElements({ data: a }: Value, { data: b }: Value): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
