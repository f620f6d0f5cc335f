import { Worker } from 'node:worker_threads'
import { type ErrorFacts, errorFrom, TersorError } from '../../errors.ts'
import type { Kernels } from '../../model/kernels.ts'
import { now } from '../clock.ts'
import { workerUrl } from '../worker-url.node.ts'
import { NodeIo } from './node-io.node.ts'
import type { FirstUnit, ProduceTask } from './produce-worker.node.ts'
import { COUNTERS, DONE, largestFirst, runUnits, STOP } from './run-units.ts'
import type { ProduceJob, Unit, UnitResult } from './types.ts'

/** Below this many bytes of model a worker costs more than it brings. */
const LEAST_BYTES = 32 << 20

interface Answer {
  readonly results?: Map<number, UnitResult>
  readonly error?: ErrorFacts
}

/**
 * Threads that produce packed weights beside this one. Workers start at once, so that they are warm when the plan is
 * made; a worker takes one task and ends, and the next task (another attempt) starts new ones.
 */
export class ProducePool {
  readonly #threads: number
  #helpers = 0
  #idle: Worker[]
  /** What idle workers began with, parallel to the first of them. */
  #begun: FirstUnit[] = []

  constructor(threads: number, waiting: readonly Worker[] = []) {
    this.#threads = threads
    this.#idle = [...waiting]
  }

  /** Says how many bytes of model there are, as soon as that is known: enough of them are worth workers. */
  expect(byteLength: number): void {
    if (byteLength >= LEAST_BYTES) this.#helpers = Math.max(0, this.#threads - 1)
    this.#start()
  }

  #start(): void {
    while (this.#idle.length < this.#helpers) {
      // Without the flags of the process: `node --input-type=module -e ...` refuses them for a file.
      const worker = new Worker(workerUrl('produce-worker.node.js'), {
        execArgv: [],
        stdout: true,
        stderr: true,
      })
      worker.unref()
      this.#idle.push(worker)
    }
  }

  /** Lets every worker begin with one of these units, of which the targets are not known yet. */
  begin(ahead: readonly FirstUnit[]): void {
    this.#start()
    if (this.#idle.length === 0 || this.#begun.length > 0) return
    const jobs: ProduceJob[] = []
    for (const { job, unit } of ahead) jobs[unit.job] = job
    const order = largestFirst(
      jobs,
      ahead.map(({ unit }) => unit),
    )
    for (const [at, worker] of this.#idle.slice(0, Math.min(this.#threads, ahead.length) - 1).entries()) {
      const first = ahead[order[at] ?? 0] as FirstUnit
      worker.postMessage(first)
      this.#begun.push(first)
    }
  }

  /** Runs all units on this thread and the workers. Results by unit index. */
  async run(
    jobs: readonly ProduceJob[],
    units: readonly Unit[],
    outputs: readonly string[],
    kernels: Kernels,
    signal: AbortSignal | undefined,
    notify: (done: number, label: string) => void,
  ): Promise<Map<number, UnitResult>> {
    const shared = new SharedArrayBuffer(COUNTERS * 4)
    const counters = new Int32Array(shared)
    this.#start()
    const begun = this.#begun.splice(0)
    const helpers = this.#idle.splice(0, Math.min(this.#threads, units.length) - 1)
    const firsts = helpers.map((_, at) => indexOf(begun[at], jobs, units))
    const taken = firsts.filter((index) => index !== undefined)
    const task: ProduceTask = { jobs, units, counters: shared, outputs, taken }
    const others = helpers.map((worker, at) => {
      const first = firsts[at]
      return give(worker, first === undefined ? task : { ...task, first }, counters)
    })
    const io = new NodeIo(outputs)
    let last = now()
    try {
      const progress = (done: number, label: string): Promise<void> | undefined => {
        notify(done, label)
        if (signal?.aborted) Atomics.store(counters, STOP, 1)
        // Let timers, signals and messages through a few times a second.
        const time = now()
        if (time - last <= 50) return undefined
        last = time
        return new Promise((resolve) => setImmediate(resolve))
      }
      const own = await runUnits(jobs, units, counters, io, kernels, progress, { taken })
      const answers = await Promise.all(others)
      if (signal?.aborted) throw new TersorError('E_ABORTED', 'stopped by the user')
      notify(Atomics.load(counters, DONE), '')
      for (const results of answers) for (const [index, result] of results) own.set(index, result)
      if (own.size !== units.length) {
        throw new TersorError('E_INTERNAL', `${units.length - own.size} of ${units.length} pieces of work are missing`)
      }
      return own
    } catch (thrown) {
      Atomics.store(counters, STOP, 1)
      const settled = await Promise.allSettled(others)
      // A worker's own words say more than "pieces are missing".
      const failed = settled.find((one) => one.status === 'rejected')
      throw failed && thrown instanceof TersorError && thrown.code === 'E_INTERNAL' ? failed.reason : thrown
    } finally {
      io.close()
    }
  }

  close(): void {
    for (const worker of this.#idle.splice(0)) void worker.terminate()
  }
}

/** Which of the units a worker began with; none where anything but the targets has changed since. */
function indexOf(
  begun: FirstUnit | undefined,
  jobs: readonly ProduceJob[],
  units: readonly Unit[],
): number | undefined {
  if (!begun) return undefined
  const text = textOf(begun.job, begun.unit)
  const index = units.findIndex((unit) => {
    const { job, from, to, stack, whole } = begun.unit
    return unit.job === job && unit.from === from && unit.to === to && unit.stack === stack && unit.whole === whole
  })
  const unit = units[index]
  return unit && textOf(jobs[unit.job] as ProduceJob, unit) === text ? index : undefined
}

function textOf(job: ProduceJob, unit: Unit): string {
  return JSON.stringify([{ ...job, balance: job.balance && [...job.balance], targets: job.targets.length }, unit])
}

function give(worker: Worker, task: ProduceTask, counters: Int32Array): Promise<Map<number, UnitResult>> {
  const promise = new Promise<Map<number, UnitResult>>((resolve, reject) => {
    let answered = false
    worker.ref()
    worker.once('message', (answer: Answer) => {
      answered = true
      void worker.terminate()
      if (answer.error) reject(errorFrom(answer.error))
      else resolve(answer.results ?? new Map())
    })
    worker.once('error', (cause) => {
      Atomics.store(counters, STOP, 1)
      reject(new TersorError('E_INTERNAL', `a worker thread failed: ${cause.message}`, { cause }))
    })
    worker.once('exit', (code) => {
      if (answered) return
      Atomics.store(counters, STOP, 1)
      reject(new TersorError('E_INTERNAL', `a worker thread ended without an answer (exit ${code})`))
    })
    worker.postMessage(task)
  })
  // Observed later by Promise.all; without this an early failure would count as unhandled.
  promise.catch(() => undefined)
  return promise
}
