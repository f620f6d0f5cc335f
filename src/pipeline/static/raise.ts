import type { AskedForm } from '../../graph/placement/index.ts'
import type { Placement, StaticProduct } from '../../model/activation.ts'
import type { OutputNoise } from './trial.ts'

/** What each rounding alone adds to the outputs. */
export interface MeasuredNoise {
  /** By group of 8-bit activations. */
  readonly groups: ReadonlyMap<string, OutputNoise>
  /** By weight. */
  readonly weights: ReadonlyMap<string, OutputNoise>
}

export interface Raised {
  readonly forms: ReadonlyMap<string, AskedForm>
  /** Labels of products that got more precision now. */
  readonly changed: readonly string[]
  /** Part of the noise that is left, by prediction. */
  readonly left: number
}

/** A group with less of the noise than this is not worth 16 bits. */
const WORTH = 0.01
/** A product of no multiply-adds still costs its start: this part of the mean. */
const LEAST_COST = 0.25

/**
 * Products that read the noisiest activations get 16 bits for them, those that lower the noise most for the multiply-adds they add
 * first, until `reduction` of the noise is predicted to be left, or nothing worth it. Errors of roundings are taken as
 * independent. Null when no activation can be raised.
 */
export function raiseActivations(
  placement: Placement,
  noise: MeasuredNoise,
  reduction: number,
  forms: ReadonlyMap<string, AskedForm>,
): Raised | null {
  const groupOf = new Map(
    placement.points.flatMap((point) => (point.precision === 'wide' ? [] : [[point.value, point.group] as const])),
  )
  const readers = new Map<string, StaticProduct[]>()
  for (const product of placement.products) {
    if (['stored', 'wide', 'dynamic', 'dynamic-wide'].includes(product.form)) continue
    // A product of two activations has no constant half to give to both.
    if (product.weight === null) continue
    for (const operand of product.operands) {
      const group = groupOf.get(operand)
      if (group !== undefined) readers.set(group, [...(readers.get(group) ?? []), product])
    }
  }
  const total = totalOf([...noise.groups.values(), ...noise.weights.values()])
  if (total.size === 0) return null
  const adds = placement.products.map(({ multiplyAdds }) => multiplyAdds ?? 0)
  const mean = adds.reduce((sum, one) => sum + one, 0) / Math.max(1, adds.length)
  const costOf = (group: string): number =>
    (readers.get(group) ?? []).reduce((sum, one) => sum + (one.multiplyAdds ?? mean) + LEAST_COST * mean, 0)
  const candidates = [...noise.groups]
    .filter(([group, one]) => (readers.get(group)?.length ?? 0) > 0 && shareOf(one, total) > WORTH)
    .map(([group, one]) => ({ group, noise: one, worth: shareOf(one, total) / (costOf(group) || 1) }))
    .sort((a, b) => b.worth - a.worth || (a.group < b.group ? -1 : 1))
  const left = new Map(total)
  const next = new Map(forms)
  const changed: string[] = []
  for (const candidate of candidates) {
    if (worstShare(left, total) <= reduction) break
    for (const { label } of readers.get(candidate.group) ?? []) {
      if (next.get(label) === 'wide') continue
      next.set(label, 'wide')
      changed.push(label)
    }
    subtract(left, candidate.noise)
  }
  return changed.length === 0 ? null : { forms: next, changed, left: worstShare(left, total) }
}

function totalOf(noises: readonly OutputNoise[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>()
  for (const noise of noises) for (const [output, one] of noise) total.set(output, (total.get(output) ?? 0) + one)
  for (const [output, one] of total) if (!(one > 0)) total.delete(output)
  return total
}

function subtract(from: Map<string, number>, noise: OutputNoise): void {
  for (const [output, one] of noise) from.set(output, Math.max(0, (from.get(output) ?? 0) - one))
}

/** The largest share that a noise has in any output's total. */
function shareOf(noise: OutputNoise, total: ReadonlyMap<string, number>): number {
  let most = 0
  for (const [output, one] of noise) {
    const all = total.get(output)
    if (all !== undefined) most = Math.max(most, one / all)
  }
  return most
}

function worstShare(left: ReadonlyMap<string, number>, total: ReadonlyMap<string, number>): number {
  let most = 0
  for (const [output, all] of total) most = Math.max(most, (left.get(output) ?? 0) / all)
  return most
}
