import { TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { type StaticInputOptions, samplesFor } from '../static/static-inputs.node.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { fitWeights } from './fit-weights.ts'
import type { Fit } from './fitted.ts'

export interface FitFileOptions extends StaticInputOptions {
  readonly maxMemory?: number
}

/**
 * What finds codes of weight-only schemes on the data of `--calib`: the model runs layer by layer, each on what the already quantized
 * layers before it give. E_RUNTIME without an onnxruntime, E_UNSUPPORTED for models at an address.
 */
export function fitOn(prepared: Prepared, opened: OpenedModel, options: FitFileOptions, tools: Tools): Fit {
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
    try {
      const samples = await samplesFor(input.model, prepared, opened, runtime, options)
      const limit = options.maxMemory === undefined ? {} : { mostBytes: Math.floor(options.maxMemory / 4) }
      return await fitWeights(input, samples, () => new TapSessions(runtime, tools), tools, limit)
    } finally {
      await runtime.close()
    }
  }
}
