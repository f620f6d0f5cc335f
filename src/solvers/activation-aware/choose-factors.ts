import type { Kernels } from '../../model/kernels.ts'
import type { SolverId } from '../../model/scheme.ts'
import { GramDescent } from '../gram/descend.ts'
import { decodeRows, type GramRows } from '../gram/rows.ts'
import { GramSolver, PLAIN_CHOICE, someRows } from '../gram/solve-gram.ts'
import { finish, type Steps } from '../gram/steps.ts'
import { solveTensor } from '../solve.ts'
import { ALPHAS, channelFactors } from './factors.ts'

/** Rows of weights that are looked at, over all that share the input. */
const TRIED = 256
/** Longest rows whose codes are found by error feedback at each trial. */
const MOST_FED_BACK = 1024
/** Part of the error that has to go before anything is changed. */
const LEAST_GAIN = 0.01

export interface ChosenFactors {
  readonly alpha: number
  /** Multiply the weights along their depth; the input is divided by them. */
  readonly factors: Float64Array
  /** Error of the products with them, as part of the error without. */
  readonly remains: number
}

export interface FactorsAsk {
  /** Weights that read the input and are rounded, as they are. */
  readonly layers: readonly GramRows[]
  /** E[x x^T] of the input. [depth][depth] */
  readonly gram: Float32Array
  /** Mean |x| a channel; equal where factors have to be. */
  readonly means: Float64Array
  /** Finds the codes; 'gptq': error feedback, as it will be done behind. */
  readonly solver: SolverId | 'gptq'
}

/** The exponent whose factors leave least of E|W x - Q(W s) x / s|^2 over all products of an input; null where none pays. */
export function chooseFactors(ask: FactorsAsk, kernels: Kernels): ChosenFactors | null {
  return finish(chooseFactorsSteps(ask, kernels))
}

/** `chooseFactors` in steps; the kernels are nobody else's between them. */
export function* chooseFactorsSteps(
  { layers, gram, means, solver }: FactorsAsk,
  kernels: Kernels,
): Steps<ChosenFactors | null> {
  const depth = means.length
  const tried = layers.map((rows) => someRows(rows, Math.ceil(TRIED / layers.length)))
  const feedsBack = solver === 'gptq' && depth <= MOST_FED_BACK
  let best: ChosenFactors | null = null
  let [plain, least] = [0, Number.POSITIVE_INFINITY]
  for (const alpha of ALPHAS) {
    const factors = channelFactors(means, alpha)
    if (factors === null) continue
    const scaledGram = gram.map((value, at) => {
      const [i, j] = [Math.floor(at / depth), at % depth]
      return value / ((factors[i] as number) * (factors[j] as number))
    })
    const feedback = feedsBack ? new GramSolver({ depth, gram: scaledGram, drift: null }, kernels) : null
    let error = 0
    for (const rows of tried) {
      const values = rows.values.map((value, i) => value * (factors[i % depth] as number))
      const scaled = { ...rows, values }
      const codes = feedback ? yield* feedback.solveSteps(scaled, PLAIN_CHOICE) : null
      error += codes
        ? yield* (feedback as GramSolver).errorSteps(scaled, codes)
        : yield* alone(scaled, scaledGram, solver === 'gptq' ? 'search' : solver, kernels)
    }
    if (alpha === 0) plain = error
    if (error < least) {
      least = error
      best = { alpha, factors, remains: plain > 0 ? error / plain : 1 }
    }
  }
  return best !== null && best.alpha > 0 && best.remains < 1 - LEAST_GAIN ? best : null
}

function* alone(rows: GramRows, gram: Float32Array, solver: SolverId, kernels: Kernels): Steps<number> {
  const { values, channels, depth, spec } = rows
  const view = { stack: 1, channels, depth, along: 'row' } as const
  const { quantized } = solveTensor(values, view, spec, solver, kernels)
  yield
  const zeros = quantized.zeros ?? new Uint8Array(quantized.scales.length).fill(2 ** (spec.bits - 1))
  const decoded = decodeRows(rows, { codes: quantized.codes, scales: quantized.scales, zeros })
  const descent = new GramDescent(gram, depth, kernels)
  descent.load()
  return yield* descent.energySteps(values.map((value, i) => value - (decoded[i] as number)))
}
