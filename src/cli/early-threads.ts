import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'

/** As in the producing pool: below this many bytes of model a thread costs more than it brings. */
const LEAST_BYTES = 32 << 20

/** Nothing is produced, or not on this many threads. */
const NO_THREADS = /^(--dry-run|--help|-h|--threads(=.*)?)$/

/**
 * Starts the threads that quantizing a large file will need: one takes as long to start as the rest of the program takes to
 * load, and both go on at once. Words that are no large files are passed over. For main.ts, which is dist/cli/main.js.
 */
export function startThreads(words: readonly string[]): Worker[] {
  if (words[0] !== 'quantize' || words.some((word) => NO_THREADS.test(word)) || !words.some(isLarge)) return []
  // Loaded only here: help and version must not wait for it.
  const threads = process.getBuiltinModule('node:worker_threads')
  const url = new URL('../workers/produce-worker.node.js', import.meta.url)
  return Array.from({ length: availableParallelism() - 1 }, () => {
    const worker = new threads.Worker(url, { execArgv: [], stdout: true, stderr: true })
    worker.unref()
    return worker
  })
}

/** Also by the data file that exporters put beside a model. */
function isLarge(path: string): boolean {
  try {
    return [path, `${path}.data`].some((one) => (statSync(one, { throwIfNoEntry: false })?.size ?? 0) >= LEAST_BYTES)
  } catch {
    return false
  }
}
