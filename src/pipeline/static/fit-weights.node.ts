import type { SampleSet } from '../../calibration/index.ts'
import type { Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { FewBits } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { decodedOf } from './decoded-weight.ts'
import { learnCodes } from './learn-codes.node.ts'
import { type LearnEffort, learnWeights } from './learn-weights.node.ts'
import { refineWeights } from './refine-weights.ts'
import type { Fit } from './static-model.ts'
import type { StaticConstants } from './static-weights.ts'

export interface FitInput {
  /** Float, in the form that was placed. */
  readonly model: Model
  readonly placement: Placement
  readonly samples: SampleSet
  readonly sessions: ModelSessions
  readonly runtime: Runtime
  /** Weights of fewer than 8 bits, with their bits. */
  readonly lowBits?: ReadonlyMap<string, FewBits> | undefined
  readonly solver: Ask['solver']
  /** Learned rounding was asked for. */
  readonly learned: boolean
  readonly seed: number
  readonly effort: LearnEffort
  readonly tools: Tools
}

/**
 * What finds codes by running the model. Weights of 8 bits are refined by their products, unless speed was asked for, and learned where
 * that was asked for. Weights of fewer bits are descended, and learned with best effort or where that was asked for. Nothing where nearest
 * codes were.
 */
export function fitWeights(input: FitInput): Fit {
  const { model, placement, samples, sessions, runtime, lowBits, solver, learned, seed, effort, tools } = input
  if (solver === 'nearest') return {}
  const refine: Fit['refine'] = async (grids, constants) => {
    await sessions.keepOnly(new Set())
    const skip = new Set(lowBits?.keys())
    const refined =
      effort === 'fast'
        ? constants
        : await refineWeights(
            { model, placement, grids, constants, samples, sessions, tools, skip },
            { thorough: effort === 'best' },
          )
    return learned ? learnCodes(input, grids, refined) : refined
  }
  const learn: Fit['learn'] = async (grids, constants, bits) => {
    await sessions.keepOnly(new Set())
    const fixed = decodedConstants(placement, constants, bits)
    const shared = { model, placement, grids, bits, fixed, samples, runtime, tools, effort, seed }
    return learnWeights({ ...shared, learns: learned || effort === 'best' })
  }
  return { ...(effort === 'fast' && !learned ? {} : { refine }), ...(solver === 'search' ? {} : { learn }) }
}

/** What products with 8-bit weights compute with. */
function decodedConstants(
  { products }: Placement,
  { weights, biases }: StaticConstants,
  bits: ReadonlyMap<string, FewBits>,
): ReadonlyMap<string, Float32Array> {
  const fixed = new Map<string, Float32Array>()
  for (const { weight, bias } of products) {
    const made = weight && weights.get(weight.name)
    if (!weight || !made || bits.has(weight.name)) continue
    fixed.set(weight.name, decodedOf(made, weight.shape))
    const values = bias === null ? undefined : biases.get(bias)
    if (bias !== null && values) fixed.set(bias, values)
  }
  return fixed
}
