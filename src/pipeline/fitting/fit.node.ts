import { TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { type StaticInputOptions, samplesFor } from '../static/static-inputs.node.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { fitWeights } from './fit-weights.ts'
import type { Fit } from './fitted.ts'

/**
 * What finds codes of weight-only schemes on the data of `--calib`: the model runs layer by layer, each on what the already quantized
 * layers before it give. E_RUNTIME without an onnxruntime, E_UNSUPPORTED for models at an address.
 */
export function fitOn(
  prepared: Prepared,
  opened: OpenedModel,
  _ask: Ask,
  options: StaticInputOptions,
  tools: Tools,
): Fit {
  return async (input) => {
    if (opened.path === undefined) {
      throw new TersorError('E_UNSUPPORTED', 'codes are fitted by running the model; download the file first', {
        hint: 'or solve weights by themselves: --solver search',
      })
    }
    const runtime = await findObservingRuntime(
      opened.source.byteLength,
      options.threads === undefined ? {} : { threads: options.threads },
    )
    if (!runtime) {
      throw new TersorError('E_RUNTIME', 'codes are fitted by running the model, and no onnxruntime was found', {
        hint: 'npm install onnxruntime-node, or --solver search',
      })
    }
    const sessions = new TapSessions(runtime, tools)
    try {
      const samples = await samplesFor(input.model, prepared, opened, runtime, options)
      return await fitWeights(input, samples, sessions, tools)
    } finally {
      await sessions.close()
      await runtime.close()
    }
  }
}
