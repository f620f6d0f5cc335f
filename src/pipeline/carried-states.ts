import type { SampleSet } from '../calibration/index.ts'
import { type StateOutput, type StatePair, statePairs } from '../calibration/states.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Sample, SessionInput, Value } from '../model/runtime.ts'

/** Feeds one model along a sequence: its own states go from sample to sample. */
export interface StateCarrier {
  feeds(sample: Sample): Feeds
  /** Remembers the states among the results of the sample. */
  after(results: Feeds): void
}

/** A state of another shape or type than the sample's starts again as the sample says. */
export function stateCarrier(pairs: readonly StatePair[] = []): StateCarrier {
  const states = new Map<string, Value>()
  return {
    feeds({ feeds }) {
      const fitting = [...states].filter(([name, value]) => {
        const own = Object.hasOwn(feeds, name) ? feeds[name] : undefined
        return own === undefined || (own.dtype === value.dtype && String(own.shape) === String(value.shape))
      })
      return fitting.length === 0 ? feeds : { ...feeds, ...Object.fromEntries(fitting) }
    },
    after(results) {
      for (const { input, output } of pairs) {
        const value = results[output]
        if (value !== undefined) states.set(input, value)
      }
    },
  }
}

/** States that the data do not give: each model carries its own from sample to sample. */
export function filledStates(
  inputs: readonly SessionInput[],
  outputs: readonly StateOutput[],
  { filled }: Pick<SampleSet, 'filled'>,
): readonly StatePair[] {
  const missing = new Set(filled.map((text) => text.slice(0, text.lastIndexOf(': '))))
  return statePairs(inputs, outputs).filter(({ input }) => missing.has(input))
}

/** The same, by what the model says of its inputs. */
export function statesOfModel(model: Model, samples: Pick<SampleSet, 'filled'>): readonly StatePair[] {
  const inputs = model.graph.inputs.flatMap(({ name, dtype, shape }) =>
    dtype === undefined ? [] : [{ name, dtype, shape: shape ?? [] }],
  )
  return filledStates(inputs, model.graph.outputs, samples)
}
