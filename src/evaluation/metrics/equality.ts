import type { Value } from '../../model/runtime.ts'

export interface EqualityMeter {
  /** Values of one type and shape. */
  add(reference: Value, candidate: Value): void
  /** Share of elements that are the same; 1 without elements. */
  value(): number
  /** Elements seen. */
  count(): number
}

/** For integers, booleans and strings, where nearly right is wrong. */
export function equalityMeter(): EqualityMeter {
  let elements = 0
  let equal = 0
  return {
    add(reference, candidate) {
      const a = reference.data
      const b = candidate.data
      const count = reference.shape.reduce((product, size) => product * size, 1)
      elements += count
      if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) {
        for (let i = 0; i < count; i += 1) if (a[i] === b[i]) equal += 1
        return
      }
      const width = count === 0 ? 1 : Math.max(1, Math.floor(a.byteLength / count))
      for (let i = 0; i < count; i += 1) {
        let same = true
        for (let at = i * width; at < (i + 1) * width; at += 1) if (a[at] !== b[at]) same = false
        if (same) equal += 1
      }
    },
    value: () => (elements === 0 ? 1 : equal / elements),
    count: () => elements,
  }
}
