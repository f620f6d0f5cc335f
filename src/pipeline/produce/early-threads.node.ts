import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { workerUrl } from '../worker-url.node.ts'

/** Below this many bytes of model a worker costs more than it brings. */
export const LEAST_BYTES = 32 << 20

/** Workers that wait for a task of the producing pool. */
export type EarlyThreads = Worker[]

export function startThread(): Worker {
  // Without the flags of the process: `node --input-type=module -e ...` refuses them for a file.
  const worker = new Worker(workerUrl('pipeline/produce/produce-worker.node.js'), { execArgv: [] })
  worker.unref()
  return worker
}

/**
 * Starts the threads that quantizing one of these files will need, when it is large: a thread takes as long to start as the
 * rest of the program takes to load, and both can go on at once. Never throws; words that are no files are passed over.
 */
export function startThreads(paths: readonly string[]): EarlyThreads {
  try {
    if (!paths.some(isLarge)) return []
    return Array.from({ length: availableParallelism() - 1 }, startThread)
  } catch {
    return []
  }
}

/** Also by the data file that exporters put beside a model. */
function isLarge(path: string): boolean {
  return [path, `${path}.data`].some((one) => (statSync(one, { throwIfNoEntry: false })?.size ?? 0) >= LEAST_BYTES)
}
