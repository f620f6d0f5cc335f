import type { SampleSet } from '../../calibration/index.ts'
import { type BodyModel, bodiesAsModels } from '../../graph/bodies/index.ts'
import { applyEdits, connect, constantTensor, scopeKey } from '../../graph/index.ts'
import { createKernels, createReferenceKernels } from '../../kernels/index.ts'
import type { Model, TensorRef } from '../../model/graph.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { RankAsk } from '../../solvers/low-rank/index.ts'
import { bodySamples } from '../body-samples.ts'
import { lowRankOptions } from '../low-rank/factor-bits.ts'
import { withUncorrected } from '../low-rank/low-rank-fit.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { WeightWork } from '../plan.ts'
import { readSmall } from '../tensor-bytes.ts'
import { type FoundWeights, fitGraph } from './fit-graph.ts'
import { isFitProduct } from './fit-groups.ts'
import type { FitStore } from './fit-store.ts'
import type { FitInput, FitResult } from './fitted.ts'
import { ownRows, type RowSolving } from './row-solving.ts'

export interface FitOptions {
  /** Bytes that values between layers may take; default 512 MiB. */
  readonly mostBytes?: number
  /** Keeps what is found, and knows what an earlier run found; default memory. */
  readonly store?: FitStore
  /** Corrections of what codes do wrong. */
  readonly lowRank?: RankAsk
  /** Scales and zeros by errors weighted with the second moments of the input, and no feedback. */
  readonly weighted?: boolean
  /** Who solves rows; default this thread. */
  readonly rows?: (tools: Tools) => RowSolving
}

/** Samples of a body in use, evenly spread over those there are. */
const BODY_SAMPLES = 256

/**
 * Codes for the weights of a plan that multiply something, found on data: first those of the main graph, layer by layer, then those of
 * each body, on what the quantized model around it gives it. The same model, plan and samples give the same codes, on one executor.
 */
export async function fitWeights(
  input: FitInput,
  set: SampleSet,
  newSessions: () => ModelSessions,
  given: Tools,
  { mostBytes = 512 * 2 ** 20, store, lowRank, weighted = false, rows = ownRows }: FitOptions = {},
): Promise<FitResult> {
  const { model, plan, inventory } = input
  // Solving pauses, and leaves what it works on in the memory of its kernels.
  const kernels = given.kernels.id === 'reference' ? createReferenceKernels() : await createKernels()
  const tools: Tools = { ...given, kernels }
  const found: FoundWeights = { fitted: new Map(), refused: new Map(), constants: new Map(), notes: new Set() }
  const also = {
    weighted,
    solving: rows(tools),
    ...(store ? { store } : {}),
    ...(lowRank ? { lowRank: lowRankOptions(lowRank, inventory) } : {}),
  }
  const run = async (graph: Model, path: readonly string[], samples: readonly Sample[]): Promise<void> => {
    const sessions = newSessions()
    try {
      await fitGraph({ model: graph, path, work: plan.work, samples, mostBytes, ...also }, found, sessions, tools)
    } finally {
      await sessions.close()
    }
  }
  await run(model, [], await taken(set, set.count))
  const left = (): readonly WeightWork[] =>
    plan.work.filter((work) => isFitProduct(work) && !found.fitted.has(work.weight) && !found.refused.has(work.weight))
  if (left().length > 0) {
    for (const body of await bodiesAsModels(model, readSmall)) {
      const inside = left().filter(({ weight }) => weight.uses.some(({ scope }) => scopeKey(scope) === body.key))
      if (inside.length === 0) continue
      const own = withOuterConstants(model, body)
      const sessions = newSessions()
      let samples: readonly Sample[] = []
      try {
        const given = await bodySamples(withConstants(model, found.constants), own, set, sessions, tools)
        if (given.samples === undefined) {
          for (const { weight } of inside) found.refused.set(weight, `its product is inside a body: ${given.reason}`)
          continue
        }
        samples = await taken(given.samples, BODY_SAMPLES)
      } finally {
        await sessions.close()
      }
      await run(own.model, body.path, samples)
    }
  }
  for (const { weight } of left()) found.refused.set(weight, 'its product is in a model-local function')
  const result = { fitted: found.fitted, refused: found.refused, notes: [...found.notes] }
  return lowRank ? withUncorrected(input, result) : result
}

async function taken(set: SampleSet, most: number): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const count = Math.min(set.count, most)
  for (let index = 0; index < count; index++) samples.push(await set.at(Math.floor((index * set.count) / count)))
  return samples
}

/** A body with all constants that it takes from outside among its own. */
function withOuterConstants(model: Model, body: BodyModel): BodyModel {
  if (body.outside.size === 0) return body
  const connections = connect(model)
  const scope = connections.scopes.find(({ path }) => scopeKey(path) === body.key)
  const tensors = [...body.outside.keys()].flatMap((name): TensorRef[] => {
    const definition = scope && connections.resolve(scope, name)
    const tensor = definition ? constantTensor(definition) : null
    return tensor ? [{ ...tensor, name }] : []
  })
  const names = new Set(tensors.map(({ name }) => name))
  const { graph } = body.model
  const inputs = graph.inputs.filter(({ name }) => !names.has(name))
  const captured = body.captured.filter((name) => !names.has(name))
  const own = { ...graph, inputs, initializers: [...graph.initializers, ...tensors] }
  return { ...body, captured, outside: new Map(), model: { ...body.model, graph: own } }
}

/** The model with decoded weights of its main graph in the place of the floats. */
function withConstants(model: Model, constants: ReadonlyMap<string, TensorRef>): Model {
  const { graph } = model
  const initializers = graph.initializers.filter(({ name }) => constants.has(name))
  const nodes = graph.nodes.filter(({ op, outputs }) => op === 'Constant' && constants.has(outputs[0] ?? ''))
  const names = [...initializers.map(({ name }) => name), ...nodes.map(({ outputs }) => outputs[0] as string)]
  if (names.length === 0) return model
  return applyEdits(model, [
    {
      scope: [],
      replace: new Map(nodes.map((node) => [node, []])),
      removeInitializers: initializers.map(({ name }) => name),
      addInitializers: names.map((name) => constants.get(name) as TensorRef),
    },
  ])
}
