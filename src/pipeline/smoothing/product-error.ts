import { ROW_FLOOR, rowScale } from '../../graph/lowerings/index.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { decode } from '../../schemes/index.ts'
import { solveSafePairs } from '../../solvers/index.ts'
import type { WeightWork } from '../plan.ts'

/** Some channels of a weight, one row of `depth` floats each. */
export interface SomeChannels {
  readonly values: Float32Array
  readonly channels: number
  readonly depth: number
}

/** Some rows of what it multiplies. */
export interface SomeRows {
  readonly values: Float32Array
  readonly count: number
}

/** How a product is computed: a balance of the weight and what undoes it, rows that stay float, the least of the activation. */
export type Variant = Pick<WeightWork, 'balance' | 'inverse' | 'floatRows'> & { readonly least: number | null }

/**
 * Squared error of an integer product with one scale a row of the activation, relative to the energy of the float product, row by row: what
 * `matmul-integer-rows` computes, on some rows and channels.
 */
export function productError(
  weight: SomeChannels,
  rows: SomeRows,
  { balance, inverse, floatRows, least }: Variant,
  spec: IntegerSpec,
  kernels: Kernels,
  label: string,
): number {
  const { channels, depth } = weight
  const balanced = balance ? weight.values.map((value, i) => value * (balance[i % depth] as number)) : weight.values
  const view = { stack: 1, channels, depth, along: 'row' as const }
  const decoded = decode(solveSafePairs(balanced, view, spec, 'search', kernels, label).quantized, kernels)
  const { zero, top, magnitude, below } = rowScale(least)
  const kept = floatRows?.indices ?? []
  const codes = new Float32Array(depth)
  let sum = 0
  for (let row = 0; row < rows.count; row++) {
    const from = row * depth
    let largest = 0
    for (let k = 0; k < depth; k++) {
      const value = (rows.values[from + k] as number) * (inverse?.[k] ?? 1)
      codes[k] = value
      const size = value >= 0 ? value : magnitude ? -value : -below * value
      if (size > largest) largest = size
    }
    const step = Math.max(largest, ROW_FLOOR) / top
    for (let k = 0; k < depth; k++) {
      const code = Math.floor((codes[k] as number) / step + 0.5) + zero
      codes[k] = step * (Math.min(255, Math.max(0, code)) - zero)
    }
    let [noise, energy] = [0, 0]
    for (let channel = 0; channel < channels; channel++) {
      const at = channel * depth
      let [exact, found] = [0, 0]
      for (let k = 0; k < depth; k++) {
        exact += (rows.values[from + k] as number) * (weight.values[at + k] as number)
        found += (codes[k] as number) * (decoded[at + k] as number)
      }
      for (const k of kept) found += (rows.values[from + k] as number) * (weight.values[at + k] as number)
      noise += (found - exact) * (found - exact)
      energy += exact * exact
    }
    if (energy > 0) sum += noise / energy
  }
  return sum / Math.max(1, rows.count)
}
