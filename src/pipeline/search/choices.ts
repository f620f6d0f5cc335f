import type { Choice } from '../../allocation/allocate.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import { formatSchemeId } from '../../schemes/index.ts'
import { Table } from '../table.ts'
import { tensorKey } from '../tensor-key.ts'
import type { Candidate, GroupCandidates } from './candidates.ts'
import type { Group } from './groups.ts'

/** Relative squared error of rounding to f16: 11 bits of mantissa, evenly spread. */
const HALF_ERROR = 4e-8

/**
 * What is left of the loss of products when their codes are found on data, by bits: what GPTQ left on the models it was measured with,
 * roughly (4 bits: 0.16 on MiniLM, 0.55 on stories260K). Tables have no product and keep theirs.
 */
const LEFT_BY_DATA: ReadonlyMap<number, number> = new Map([
  [8, 0.5],
  [4, 0.3],
  [2, 0.25],
])

const PRODUCTS: ReadonlySet<string> = new Set(['matmul', 'gemm', 'matmul-left', 'gemm-left', 'conv'])

/** Losses that were measured, by the bits of the pass. */
export type MeasuredLosses = ReadonlyMap<number, ReadonlyMap<Group, number>>

/** Relative squared error of a weight as a candidate, on a sample of it. */
export function errorOf(weight: WeightFacts, { spec }: Candidate, table: Table): number {
  if (spec === null) return 0
  if (spec.family === 'half') return HALF_ERROR
  return table.get(Table.key(weight.scope, weight.name, formatSchemeId(spec)))?.relativeError ?? 1
}

/** Bits of a candidate's codes; 16 for half precision, 32 where it stays as it is. */
export function bitsOf({ spec }: Candidate): number {
  return spec === null ? 32 : spec.family === 'half' ? 16 : spec.bits
}

/** The candidate that stands for a width when the outputs are measured: blocks of 32 with zeros, else the first there is. */
export function standIn({ whats, byWeight }: GroupCandidates, bits: number): number {
  const own = [...byWeight.values()][0] ?? []
  const ofWidth = whats.flatMap((what, i) => (bitsOf(own[i] as Candidate) === bits ? [{ what, i }] : []))
  const usual = ofWidth.find(({ what }) => (bits === 8 ? what === 'int8-weights' : what.includes('-block32-asym')))
  return (usual ?? ofWidth[0])?.i ?? -1
}

/**
 * Bytes and loss of every candidate of a group: the loss that its width was measured with, scaled by the error of the weights against
 * that of the scheme which was measured. Without a measurement of that width, the share of noise in the weights. Not finite errors
 * (a scheme that cannot hold the weight) are left out. `fitted`: codes of products will be found on data.
 */
export function choicesOf(
  candidates: GroupCandidates,
  measured: MeasuredLosses,
  elements: number,
  table: Table,
  fitted: boolean,
): readonly Choice[] {
  const { group, whats, byWeight } = candidates
  const of = (weight: WeightFacts, i: number): Candidate =>
    (byWeight.get(tensorKey(weight.scope, weight.name)) as readonly Candidate[])[i] as Candidate
  const noise = (i: number): number =>
    group.weights.reduce((sum, weight) => sum + weight.elementCount * errorOf(weight, of(weight, i), table), 0)
  const first = group.weights[0] as WeightFacts
  const products = group.weights.every(({ uses }) => uses.every(({ role }) => PRODUCTS.has(role)))
  return whats.flatMap((what, i) => {
    const own = noise(i)
    if (!Number.isFinite(own)) return []
    const bytes = group.weights.reduce((sum, weight) => sum + of(weight, i).bytes, 0)
    const bits = Math.min(8, bitsOf(of(first, i)))
    const stand = standIn(candidates, bits)
    const known = measured.get(bits)?.get(group)
    const reference = stand < 0 ? 0 : noise(stand)
    const alone = known === undefined || !(reference > 0) ? own / elements : (known * own) / reference
    const left = fitted && products ? (LEFT_BY_DATA.get(bitsOf(of(first, i))) ?? 1) : 1
    return [{ id: what, bytes, loss: alone * left }]
  })
}
