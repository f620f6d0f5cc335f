import type { SampleSet } from '../../calibration/index.ts'
import type { Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Runtime } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { FewBits } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { decodedOf } from './decoded-weight.ts'
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
  readonly seed: number
  readonly effort: LearnEffort
  readonly tools: Tools
}

/**
 * What finds codes by running the model. Weights of 8 bits are refined by their products, unless speed was asked for. Weights of
 * fewer bits are descended, and learned with best effort or where learning was asked for. Nothing where nearest codes were.
 */
export function fitWeights(input: FitInput): Fit {
  const { model, placement, samples, sessions, runtime, lowBits, solver, seed, effort, tools } = input
  if (solver === 'nearest') return {}
  const learns = solver !== 'search'
  return {
    ...(effort === 'fast'
      ? {}
      : {
          refine: async (grids, constants) => {
            await sessions.keepOnly(new Set())
            const skip = new Set(lowBits?.keys())
            return refineWeights({ model, placement, grids, constants, samples, sessions, tools, skip })
          },
        }),
    ...(learns
      ? {
          learn: async (grids, constants, bits) => {
            await sessions.keepOnly(new Set())
            const fixed = decodedConstants(placement, constants, bits)
            return learnWeights({ model, placement, grids, bits, fixed, samples, runtime, tools, effort, seed })
          },
        }
      : {}),
  }
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
