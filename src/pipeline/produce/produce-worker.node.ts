import { parentPort } from 'node:worker_threads'
import { errorFacts } from '../../errors.ts'
import { loadKernels } from '../../kernels/load.ts'
import { runUnit } from '../fused.ts'
import { NodeIo } from './node-io.node.ts'
import { runUnits, STOP } from './run-units.ts'
import type { PartTarget, ProduceJob, Unit, UnitIo, UnitResult } from './types.ts'

/** What a worker may begin with before its task comes: targets of the job say the order of its parts as `file`. */
export interface FirstUnit {
  readonly job: ProduceJob
  readonly unit: Unit
}

/** What a worker is told to do, once. */
export interface ProduceTask {
  readonly jobs: readonly ProduceJob[]
  readonly units: readonly Unit[]
  readonly counters: SharedArrayBuffer
  readonly outputs: readonly string[]
  /** Indexes of the units that workers began with. */
  readonly taken: readonly number[]
  /** The one of this worker. */
  readonly first?: number
}

// Compiled while the main thread still reads the header and plans. Awaited where they are used: a bundled thread is CommonJS.
const loading = loadKernels()

let begun: { readonly result: Promise<UnitResult>; write(io: UnitIo, targets: readonly PartTarget[]): void } | undefined

parentPort?.on('message', (message: FirstUnit | ProduceTask) => {
  if ('unit' in message) begun = begin(message)
  else void work(message)
})

/** Runs a unit until it has something to write; the rest when it is known where that goes. */
function begin({ job, unit }: FirstUnit): NonNullable<typeof begun> {
  let write: (io: UnitIo, targets: readonly PartTarget[]) => void = () => undefined
  const known = new Promise<{ io: UnitIo; targets: readonly PartTarget[] }>((resolve) => {
    write = (io, targets) => resolve({ io, targets })
  })
  const reading = new NodeIo([])
  const io: UnitIo = {
    read: (source, offset, target) => reading.read(source, offset, target),
    write: async (part, offset, bytes) => {
      const { io, targets } = await known
      await io.write(targets[part.file] as PartTarget, offset, bytes)
    },
  }
  const result = loading.then((kernels) => runUnit(job, unit, io, kernels)).finally(() => reading.close())
  // Answered for when the task is there.
  result.catch(() => undefined)
  return { result, write }
}

async function work(task: ProduceTask): Promise<void> {
  const counters = new Int32Array(task.counters)
  const io = new NodeIo(task.outputs)
  try {
    const { jobs, units, first, taken } = task
    const targets = first === undefined ? undefined : jobs[units[first]?.job ?? -1]?.targets
    if (targets) begun?.write(io, targets)
    const own = begun && first !== undefined ? { own: { index: first, result: begun.result } } : {}
    const results = await runUnits(jobs, units, counters, io, await loading, undefined, { taken, ...own })
    parentPort?.postMessage({ results })
  } catch (thrown) {
    Atomics.store(counters, STOP, 1)
    parentPort?.postMessage({ error: errorFacts(thrown) })
  } finally {
    io.close()
  }
}
