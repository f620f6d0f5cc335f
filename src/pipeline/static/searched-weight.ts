import { codeRange, searchChannel } from '../../solvers/learned-rounding/index.ts'
import type { LearnedWeight } from './learn-weights.node.ts'

/** Nearest codes, a scale an index of the axis: that of least squared error of the weight itself, or (`extreme`) that of its largest magnitude. */
export function searchedWeight(
  values: Float32Array,
  { axis, shape }: { readonly axis: number | null; readonly shape: readonly number[] },
  bits: number,
  extreme = false,
): LearnedWeight {
  const outputs = axis === null ? 1 : (shape[axis] as number)
  const inner = axis === null ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const [least, most] = codeRange(bits)
  const codes = new Int8Array(values.length)
  const scales = new Float32Array(outputs)
  const members = Array.from({ length: outputs }, (): number[] => [])
  for (let i = 0; i < values.length; i++) members[Math.floor(i / inner) % outputs]?.push(i)
  for (const [o, own] of members.entries()) {
    const weights = Float32Array.from(own, (i) => values[i] as number)
    const found = searchChannel(weights, least, most, extreme)
    for (const [k, i] of own.entries()) codes[i] = found.codes[k] as number
    scales[o] = found.scale
  }
  return { codes, scales, bits, solver: extreme ? 'nearest' : 'search' }
}
