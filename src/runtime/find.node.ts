import { asTersorError, type TersorError } from '../errors.ts'
import type { Runtime } from '../model/runtime.ts'
import { checkProbe, PROBE_MODEL, probeFeeds } from './probe-model.ts'
import { type OrtWorkerOptions, startOrtWorker } from './worker.node.ts'

export interface FindOptions extends OrtWorkerOptions {
  /** Tried in this order; default onnxruntime-node, then onnxruntime-web. */
  readonly among?: readonly Runtime['name'][]
  /** Told why an executor was passed over, so that the report can say who judged and why. */
  readonly passedOver?: (name: Runtime['name'], why: TersorError) => void
}

/** The first onnxruntime that is installed *and* computes a tiny model right, in its own thread; undefined when none does. */
export async function findRuntime(options: FindOptions = {}): Promise<Runtime | undefined> {
  for (const name of options.among ?? (['onnxruntime-node', 'onnxruntime-web'] as const)) {
    let runtime: Runtime | undefined
    try {
      runtime = await startOrtWorker(name, options)
      const session = await runtime.open({ bytes: PROBE_MODEL }, { optimized: true })
      checkProbe(await session.run(probeFeeds()))
      await session.release()
      return runtime
    } catch (thrown) {
      await runtime?.close()
      options.passedOver?.(name, asTersorError(thrown))
    }
  }
  return undefined
}
