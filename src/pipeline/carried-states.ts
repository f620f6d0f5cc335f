import type { StatePair } from '../calibration/states.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'

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
