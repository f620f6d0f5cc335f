import type { SampleSet } from '../calibration/index.ts'
import { roleOf } from '../calibration/input-role.ts'
import { cachePairs, type StateOutput, type StatePair, statePairs } from '../calibration/states.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Sample, SessionInput, Value } from '../model/runtime.ts'

/** Feeds one model along a sequence: its own states go from sample to sample. */
export interface StateCarrier {
  feeds(sample: Sample): Feeds
  /** Remembers the states among the results of the sample. */
  after(results: Feeds): void
  /** The next sample begins with the states it gives. */
  restart(): void
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
    restart: () => states.clear(),
  }
}

/** States that the data do not give: each model carries its own from sample to sample. */
export function filledStates(
  inputs: readonly SessionInput[],
  outputs: readonly StateOutput[],
  { filled }: Pick<SampleSet, 'filled'>,
): readonly StatePair[] {
  const missing = namesOf(filled)
  return statePairs(inputs, outputs).filter(({ input }) => missing.has(input))
}

/** A state that the data give with every sample. */
export interface GivenState extends StatePair {
  /** Its input is a state by its name and keeps its size: it may go on from a sample that it does not follow from, too. */
  readonly certain: boolean
}

/** States and caches that the data give, by name: whether they go from sample to sample is for their values to say. */
export function givenStates(
  inputs: readonly SessionInput[],
  outputs: readonly StateOutput[],
  { filled }: Pick<SampleSet, 'filled'>,
): readonly GivenState[] {
  const missing = namesOf(filled)
  const states = new Set(inputs.filter((input) => roleOf(input) === 'state').map(({ name }) => name))
  const kept = statePairs(inputs, outputs).map((pair) => ({ ...pair, certain: states.has(pair.input) }))
  const growing = cachePairs(inputs, outputs).map((pair) => ({ ...pair, certain: false }))
  const given = [...kept, ...growing].filter(({ input }) => !missing.has(input))
  // Where all that is fed are states, nothing says where they go.
  return given.length < inputs.length ? given : []
}

function namesOf(filled: readonly string[]): ReadonlySet<string> {
  return new Set(filled.map((text) => text.slice(0, text.lastIndexOf(': '))))
}

/** The same, by what the model says of its inputs. */
export function statesOfModel(model: Model, samples: Pick<SampleSet, 'filled'>): readonly StatePair[] {
  const inputs = model.graph.inputs.flatMap(({ name, dtype, shape }) =>
    dtype === undefined ? [] : [{ name, dtype, shape: shape ?? [] }],
  )
  return filledStates(inputs, model.graph.outputs, samples)
}
