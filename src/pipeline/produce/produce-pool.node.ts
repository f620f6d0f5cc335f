import { Worker } from 'node:worker_threads'
import { type ErrorCode, TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import { workerUrl } from '../worker-url.node.ts'
import { NodeIo } from './node-io.node.ts'
import type { ProduceWorkerData } from './produce-worker.node.ts'
import { COUNTERS, DONE, runUnits, STOP } from './run-units.ts'
import type { ProduceJob, Unit, UnitResult } from './types.ts'

/** Below this many floats a worker costs more than it brings. */
const LEAST_ELEMENTS_FOR_WORKERS = 8 << 20

interface Answer {
  readonly results?: Map<number, UnitResult>
  readonly error?: { code: ErrorCode; message: string; where?: string; hint?: string }
}

/** Runs all units on this thread and `threads - 1` workers. Results by unit index. */
export async function runOnThreads(
  jobs: readonly ProduceJob[],
  units: readonly Unit[],
  outputs: readonly string[],
  kernels: Kernels,
  threads: number,
  signal: AbortSignal | undefined,
  notify: (done: number, label: string) => void,
): Promise<Map<number, UnitResult>> {
  const shared = new SharedArrayBuffer(COUNTERS * 4)
  const counters = new Int32Array(shared)
  const elements = jobs.reduce((sum, job) => sum + job.shape.reduce((a, b) => a * b, 1), 0)
  const helpers = elements < LEAST_ELEMENTS_FOR_WORKERS ? 0 : Math.min(threads, units.length) - 1
  const data: ProduceWorkerData = { jobs, units, counters: shared, outputs }
  const workers = Array.from({ length: Math.max(0, helpers) }, () => startWorker(data, counters))
  const io = new NodeIo(outputs)
  let last = 0
  try {
    const own = await runUnits(jobs, units, counters, io, kernels, (done, label) => {
      notify(done, label)
      if (signal?.aborted) Atomics.store(counters, STOP, 1)
      // Let timers, signals and messages through a few times a second.
      const now = performance.now()
      if (now - last > 50) {
        last = now
        return new Promise((resolve) => setImmediate(resolve))
      }
    })
    const others = await Promise.all(workers)
    if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
    notify(Atomics.load(counters, DONE), '')
    for (const results of others) for (const [index, result] of results) own.set(index, result)
    if (own.size !== units.length)
      throw new TersorError('E_INTERNAL', `${units.length - own.size} of ${units.length} pieces of work are missing`)
    return own
  } catch (thrown) {
    Atomics.store(counters, STOP, 1)
    await Promise.allSettled(workers)
    throw thrown
  } finally {
    io.close()
  }
}

function startWorker(data: ProduceWorkerData, counters: Int32Array): Promise<Map<number, UnitResult>> {
  const promise = new Promise<Map<number, UnitResult>>((resolve, reject) => {
    const worker = new Worker(workerUrl('pipeline/produce/produce-worker.node.js'), { workerData: data })
    let answered = false
    worker.once('message', (answer: Answer) => {
      answered = true
      if (answer.error) {
        const { code, message, where, hint } = answer.error
        reject(new TersorError(code, message, { ...(where ? { where } : {}), ...(hint ? { hint } : {}) }))
      } else resolve(answer.results ?? new Map())
    })
    worker.once('error', (cause) => {
      Atomics.store(counters, STOP, 1)
      reject(new TersorError('E_INTERNAL', `a worker thread failed: ${cause.message}`, { cause }))
    })
    worker.once('exit', (code) => {
      if (!answered) reject(new TersorError('E_INTERNAL', `a worker thread ended without an answer (exit ${code})`))
    })
  })
  // Observed later by Promise.all; without this an early failure would count as unhandled.
  promise.catch(() => undefined)
  return promise
}
