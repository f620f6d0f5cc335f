import type { LowRank } from '../../model/low-rank.ts'
import type { Tools } from '../../model/tools.ts'
import { decodeRows, type GramCodes, type GramRows } from '../../solvers/gram/rows.ts'
import {
  type CodeRows,
  codedFactors,
  correctionBytes,
  leftByBits,
  lowRankRows,
  mostRank,
  payingRank,
  principalRows,
  type RankAsk,
  type RankCosts,
  timesRows,
} from '../../solvers/low-rank/index.ts'
import type { WeightWork } from '../plan.ts'
import { componentBytes, FIXED_BYTES } from './correction-bytes.ts'

export interface LowRankOptions {
  readonly ask: RankAsk
  /** Of the codes of both factors. */
  readonly bits: 4 | 8
}

/** What finds codes of the same weight, and what its input makes of errors. */
export interface RowCoder {
  code(target: GramRows): Promise<GramCodes | null>
  /** G r of rows, [count][depth]; absent: nothing is known of the input. */
  moved?(rows: Float32Array): Float32Array
  readonly codeRows: CodeRows
}

export interface CorrectedRows {
  readonly codes: GramCodes
  readonly lowRank?: LowRank
  readonly because: string
}

/** Times that codes and correction are found again beside each other. */
const ROUNDS = 2

/**
 * A low-rank correction of rows in codes: the error that products still make, as far as few components hold it, in the codes of both
 * factors; then codes of what the correction leaves, and a correction of their error (as LoftQ alternates, Li et al. 2023), kept while the error falls. `aimed`: what codes and
 * correction together are to stand for. The reason says what it takes, or why there is none.
 */
export async function correctRows(
  aimed: GramRows,
  first: GramCodes,
  { work, coder, options, tools }: { work: WeightWork; coder: RowCoder; options: LowRankOptions; tools: Tools },
): Promise<CorrectedRows> {
  const { channels, depth } = aimed
  const costs = costsOf(work, channels, depth, options.bits)
  const most = mostRank(options.ask, costs, channels, depth)
  if (most === 0) return { codes: first, because: 'no low-rank correction: its nodes alone take more than its share' }
  const moved = (rows: Float32Array): Float32Array => coder.moved?.(rows) ?? rows
  const energyOf = (errors: Float32Array): number => dot(errors, moved(errors))

  let codes = first
  let errors = errorsOf(aimed, codes)
  const found = principalRows(errors, moved(errors), channels, depth, most)
  if (!(found.energy > 0)) return { codes: first, because: 'no low-rank correction: there is no error to correct' }
  const isFree = options.ask.kind === 'pays'
  const rank = isFree ? payingRank(found.energies, found.energy, costs) : most
  if (rank === 0) {
    const takes = percent((found.energies[0] as number) / found.energy)
    const bits = percent(1 - leftByBits(correctionBytes(1, costs), costs))
    return {
      codes: first,
      because: `no low-rank correction: a first component takes ${takes} of the error, as many bytes of more bits ${bits}`,
    }
  }
  let lowRank: LowRank | null = null
  let least = found.energy
  let basis: Float64Array = found.basis.slice(0, rank * channels)
  for (let round = 0; round <= ROUNDS; round++) {
    tools.signal?.throwIfAborted()
    const rows = new Float32Array(timesRows64(basis, errors, rank, channels, depth))
    const own = codedFactors({
      ...{ errors, channels, depth, rows, rank, bits: options.bits, kernels: tools.kernels },
      ...(coder.moved ? { moved: (some: Float32Array) => moved(some) } : {}),
      codeRows: coder.codeRows,
    })
    if (own === null) break
    const added = lowRankRows(own)
    const left = energyOf(errors.map((value, i) => value - (added[i] as number)))
    if (!(left < least)) break
    ;[lowRank, least] = [own, left]
    if (round === ROUNDS) break
    const target = { ...aimed, values: aimed.values.map((value, i) => value - (added[i] as number)) }
    const again = await coder.code(target)
    if (again === null) break
    const next = errorsOf(aimed, again)
    const rest = energyOf(next.map((value, i) => value - (added[i] as number)))
    if (!(rest < least)) break
    ;[codes, errors, least] = [again, next, rest]
    basis = principalRows(errors, moved(errors), channels, depth, rank).basis
  }
  const bytes = correctionBytes(rank, costs)
  const left = least / found.energy
  if (lowRank === null || (isFree && left > leftByBits(bytes, costs))) {
    return { codes: first, because: 'no low-rank correction: in codes it takes less than as many bytes of more bits' }
  }
  const more = percent(bytes / costs.weightBytes)
  return {
    codes,
    lowRank,
    because: `low-rank correction, rank ${rank} in ${options.bits} bits: takes ${percent(1 - left)} of the error for ${more} more bytes (${bytes})`,
  }
}

function costsOf({ parts }: WeightWork, channels: number, depth: number, bits: 4 | 8): RankCosts {
  return {
    elements: channels * depth,
    weightBytes: parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
    componentBytes: componentBytes(channels, depth, bits),
    fixedBytes: FIXED_BYTES,
  }
}

function errorsOf(aimed: GramRows, codes: GramCodes): Float32Array {
  const decoded = decodeRows(aimed, codes)
  return aimed.values.map((value, i) => value - (decoded[i] as number))
}

function timesRows64(
  basis: Float64Array,
  rows: Float32Array,
  count: number,
  channels: number,
  depth: number,
): Float64Array {
  const made = new Float64Array(count * depth)
  timesRows(basis, rows, count, channels, depth, made)
  return made
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

function percent(part: number): string {
  return `${Math.floor(part * 1000 + 0.5) / 10} %`
}
