import { parentPort } from 'node:worker_threads'
import { asTersorError } from '../../errors.ts'
import { loadKernels } from '../../kernels/load.ts'
import { NodeIo } from './node-io.node.ts'
import { runUnits, STOP } from './run-units.ts'
import type { ProduceJob, Unit } from './types.ts'

/** What a worker is told to do, once. */
export interface ProduceTask {
  readonly jobs: readonly ProduceJob[]
  readonly units: readonly Unit[]
  readonly counters: SharedArrayBuffer
  readonly outputs: readonly string[]
}

// Compiled while the main thread still reads the header and plans.
const kernels = await loadKernels()

parentPort?.once('message', async (task: ProduceTask) => {
  const counters = new Int32Array(task.counters)
  const io = new NodeIo(task.outputs)
  try {
    const results = await runUnits(task.jobs, task.units, counters, io, kernels)
    parentPort?.postMessage({ results })
  } catch (thrown) {
    Atomics.store(counters, STOP, 1)
    const { code, message, where, hint } = asTersorError(thrown)
    parentPort?.postMessage({ error: { code, message, where, hint } })
  } finally {
    io.close()
  }
})
