import { TersorError } from '../errors.ts'
import type { Feeds, Runtime, SessionInput, SessionOptions } from '../model/runtime.ts'

/** What a recorded executor knows of one model. */
export interface Recording {
  readonly inputs: readonly SessionInput[]
  readonly outputs: readonly string[]
  /** The outputs for these feeds; undefined means that the run fails. */
  answer(feeds: Feeds, options: SessionOptions): Feeds | undefined
}

/**
 * An executor that answers from a table, for tests. `models` maps a path, or '' for any model given as bytes,
 * to its recording; a model that is not in the table does not load.
 */
export function recordedRuntime(models: ReadonlyMap<string, Recording>): Runtime {
  return {
    name: 'onnxruntime-node',
    version: 'recorded',
    cpu: [],
    async open(model, options) {
      const key = 'path' in model ? model.path : ''
      const recording = models.get(key)
      if (recording === undefined) {
        throw new TersorError('E_RUNTIME', `no recording of model "${key}"`, { where: key })
      }
      return {
        inputs: recording.inputs,
        outputs: recording.outputs,
        async run(feeds, signal) {
          if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
          const answer = recording.answer(feeds, options)
          if (answer === undefined)
            throw new TersorError('E_RUNTIME', `no recorded answer of model "${key}" for these feeds`)
          return answer
        },
        release: async () => undefined,
      }
    },
    close: async () => undefined,
  }
}
