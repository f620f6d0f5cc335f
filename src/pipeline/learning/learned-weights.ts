import type { WeightFacts } from '../../model/inventory.ts'
import type { Kernels } from '../../model/kernels.ts'
import type { LowRank } from '../../model/low-rank.ts'
import type { MatrixView, QuantizedTensor } from '../../model/scheme.ts'
import { solveTensor } from '../../solvers/index.ts'
import { LearnedCodes } from '../../solvers/learned-codes/index.ts'
import type { FittedWeight } from '../fitting/fitted.ts'
import { partOf } from '../forms.ts'
import { lowRankValues } from '../low-rank/low-rank-values.ts'
import type { WeightWork } from '../plan.ts'
import { balanceValues } from '../produce/tile.ts'

/** A weight in codes as the model will multiply by it. */
export interface CodedWeight {
  readonly weight: WeightFacts
  /** What the codes stand for, in source order. */
  readonly values: Float32Array
  readonly codes: LearnedCodes
  /** Whether its codes are to be learned, or only meet the others. */
  readonly learns: boolean
  /** Stays as it is behind the codes. */
  readonly lowRank?: LowRank
}

/** Codes of more bits are near enough to the weights. */
const MOST_BITS = 4

/** Whether codes are few enough to be learned, and multiply something. */
export function isLearned({ weight, spec, packing }: WeightWork): boolean {
  return spec.family === 'integer' && packing !== null && spec.bits <= MOST_BITS && partOf(weight) === 'linear'
}

/** The codes of a work: those that were fitted, else what is found without data. Null where it has no codes that a matrix can be made of. */
export function codedWeight(
  work: WeightWork,
  floats: Float32Array,
  fitted: FittedWeight | undefined,
  kernels: Kernels,
): CodedWeight | null {
  const { weight, spec, solver, balance, inverse } = work
  const view = weight.uses[0]?.view
  if (spec.family === 'half' || !view || work.packing === null) return null
  const values = floats.slice()
  balanceValues({ ...(balance === undefined ? {} : { balance }), view }, values, 0)
  const start = fitted?.quantized ?? solveTensor(values, view, spec, solver, kernels, weight.name).quantized
  const lowRank = fitted?.lowRank
  const correction = lowRank && lowRankValues(lowRank, view)
  // Codes stand for what the correction leaves.
  if (correction) for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - (correction[i] as number)
  const added = correction ?? floatRowsOf(work, view)
  const codes = new LearnedCodes(start, values, {
    ...(inverse === undefined ? {} : { factors: inverse }),
    ...(added === null ? {} : { added }),
  })
  return { weight, values, codes, learns: isLearned(work), ...(lowRank ? { lowRank } : {}) }
}

/** Rows that stay float at their places, zeros elsewhere. */
function floatRowsOf({ floatRows }: WeightWork, view: MatrixView): Float32Array | null {
  if (floatRows === undefined) return null
  const { channels, depth, along } = view
  const added = new Float32Array(view.stack * channels * depth)
  for (const [row, k] of floatRows.indices.entries()) {
    for (let c = 0; c < channels; c++) {
      added[along === 'row' ? c * depth + k : k * channels + c] = floatRows.values[row * channels + c] as number
    }
  }
  return added
}

/** How the report wants it. */
export function fittedOf({ values, codes, lowRank }: CodedWeight, because: string): FittedWeight {
  const quantized: QuantizedTensor = codes.quantized()
  const decoded = new Float32Array(values.length)
  codes.decodeCodes(decoded)
  let [squaredError, energy] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    squaredError += (value - (decoded[i] as number)) ** 2
    energy += value * value
  }
  return {
    quantized,
    squaredError,
    energy,
    solver: 'learned',
    corrections: [],
    because,
    ...(lowRank ? { lowRank } : {}),
  }
}
