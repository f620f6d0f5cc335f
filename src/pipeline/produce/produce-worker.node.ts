import { parentPort, workerData } from 'node:worker_threads'
import { asTersorError } from '../../errors.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import { NodeIo } from './node-io.node.ts'
import { runUnits, STOP } from './run-units.ts'
import type { ProduceJob, Unit } from './types.ts'

/** What a worker is started with. */
export interface ProduceWorkerData {
  readonly jobs: readonly ProduceJob[]
  readonly units: readonly Unit[]
  readonly counters: SharedArrayBuffer
  readonly outputs: readonly string[]
}

const data = workerData as ProduceWorkerData
const counters = new Int32Array(data.counters)
const io = new NodeIo(data.outputs)
try {
  const results = await runUnits(data.jobs, data.units, counters, io, createKernelsSync())
  parentPort?.postMessage({ results })
} catch (thrown) {
  Atomics.store(counters, STOP, 1)
  const { code, message, where, hint } = asTersorError(thrown)
  parentPort?.postMessage({ error: { code, message, where, hint } })
} finally {
  io.close()
}
