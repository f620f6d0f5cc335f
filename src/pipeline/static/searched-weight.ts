import type { FewBits } from '../../schemes/index.ts'
import { codeRange, searchChannel } from '../../solvers/learned-rounding/index.ts'
import type { LearnedWeight } from './learn-weights.node.ts'

/** Nearest codes, a scale an index of the axis: that of least squared error of the weight itself, or (`extreme`) that of its largest magnitude. */
export function searchedWeight(
  values: Float32Array,
  { axis, shape }: { readonly axis: number | null; readonly shape: readonly number[] },
  few: FewBits,
  extreme = false,
): LearnedWeight {
  const outputs = axis === null ? 1 : (shape[axis] as number)
  const inner = axis === null ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const range = codeRange(few.bits, !few.symmetric)
  const codes = new Int8Array(values.length)
  const scales = new Float32Array(outputs)
  const zeros = new Int8Array(outputs)
  const members = Array.from({ length: outputs }, (): number[] => [])
  for (let i = 0; i < values.length; i++) members[Math.floor(i / inner) % outputs]?.push(i)
  for (const [o, own] of members.entries()) {
    const weights = Float32Array.from(own, (i) => values[i] as number)
    const found = searchChannel(weights, range, extreme)
    const zero = range.least - found.low
    for (const [k, i] of own.entries()) codes[i] = (found.codes[k] as number) + zero
    scales[o] = found.scale
    zeros[o] = zero
  }
  return { codes, scales, zeros, ...few, solver: extreme ? 'nearest' : 'search' }
}
