import type { SampleSet } from '../../calibration/index.ts'
import type { Sample } from '../../model/runtime.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { refineWeights } from './refine-weights.ts'
import type { BodyRun } from './static-bodies.ts'
import { fittedStage, recordedStage, type StaticGraph } from './static-graph.ts'
import type { Fit, StaticStage } from './static-model.ts'

/** What a graph is run on, where there are no files. */
export interface MemoryInputs {
  samples(): Promise<SampleSet>
  added(): Promise<SampleSet>
  sessions(): Promise<ModelSessions>
  /** Samples that were held back. */
  readonly judging?: readonly Sample[]
}

/** One graph in memory: the stage that its record holds, else with weights refined by their products. No verdict raises it. */
export class GraphStage implements BodyRun {
  readonly #graph: StaticGraph
  readonly #inputs: MemoryInputs
  #stage: StaticStage | undefined

  constructor(graph: StaticGraph, inputs: MemoryInputs) {
    this.#graph = graph
    this.#inputs = inputs
  }

  async stage(): Promise<StaticStage> {
    this.#stage ??= (await recordedStage(this.#graph)) ?? (await fittedStage(this.#graph, this.#fit()))
    return this.#stage
  }

  async raise(): Promise<null> {
    return null
  }

  async close(): Promise<void> {}

  #fit(): Fit {
    const { ask, options, placed, tools } = this.#graph
    if (options.effort === 'fast' || ask.solver === 'nearest') return {}
    const { model, placement, lowBits } = placed
    return {
      refine: async (grids, constants) => {
        const [samples, sessions] = [await this.#inputs.samples(), await this.#inputs.sessions()]
        try {
          const skip = new Set(lowBits?.keys())
          return await refineWeights({ model, placement, grids, constants, samples, sessions, tools, skip })
        } finally {
          await sessions.close()
        }
      },
    }
  }
}
