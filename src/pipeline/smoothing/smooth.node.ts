import { TersorError } from '../../errors.ts'
import type { Tools } from '../../model/tools.ts'
import type { Fit } from '../fitting/fitted.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { type StaticInputOptions, samplesFor } from '../static/static-inputs.node.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { smoothProducts } from './smooth-products.ts'

/**
 * What balances activations of integer products on the data of `--calib`. Where no onnxruntime is found, or the model is at an address,
 * balances stay those found without data, and it is said; asked for by name, that is E_RUNTIME.
 */
export function smoothOn(
  prepared: Prepared,
  opened: OpenedModel,
  options: StaticInputOptions,
  asked: boolean,
  tools: Tools,
): Fit {
  return async (input) => {
    const without = (why: string) => {
      if (asked)
        throw new TersorError('E_RUNTIME', `--transform smooth runs the model: ${why}`, { where: '--transform' })
      return { fitted: new Map(), notes: [`activations were balanced without data: ${why}`] }
    }
    if (opened.path === undefined) return without('download the file first')
    const runtime = await findObservingRuntime(
      opened.source.byteLength,
      options.threads === undefined ? {} : { threads: options.threads },
    )
    if (!runtime) return without('no onnxruntime was found on this machine')
    try {
      const samples = await samplesFor(input.model, prepared, opened, runtime, options)
      return await smoothProducts(input, samples, () => new TapSessions(runtime, tools), tools)
    } finally {
      await runtime.close()
    }
  }
}
