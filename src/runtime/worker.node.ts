import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { errorFrom, TersorError } from '../errors.ts'
import type { Feeds, Runtime, RuntimeSession, Value } from '../model/runtime.ts'
import { cpuFacts } from './cpu.node.ts'
import { close, isInside, nativeSection, waitUntilOutside } from './native-section.ts'
import type { Answer, Greeting, Request, Start } from './protocol.ts'

export interface OrtWorkerOptions {
  /** The compiled entry of the thread; found beside this file, or in dist/ when this file runs from the sources. */
  readonly entry?: URL
  /** Where the onnxruntime package is looked up from; default this package. */
  readonly from?: string | URL
}

/** An executor in a thread that may also do work of its own, as `serve` was told. */
export interface OrtThread extends Runtime {
  /** What the thread's own work gives; `moved` goes over instead of being copied. Rejects as runs do. */
  work(given: unknown, moved?: readonly ArrayBuffer[]): Promise<unknown>
}

type Ask = Request extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never

/**
 * Starts onnxruntime in a worker thread of its own, so that neither loading nor running blocks the caller.
 * Rejects with E_RUNTIME when the package is missing or does not load; a thread that dies fails what it was asked with E_RUNTIME.
 * An abort signal, and `close`, end the thread with all its sessions: what was asked fails at once, `close` resolves when the
 * thread has come back from native code, after five seconds at the latest. The thread does not keep an idle process alive.
 */
export async function startOrtWorker(which: Runtime['name'], options: OrtWorkerOptions = {}): Promise<OrtThread> {
  const module = resolveModule(which, options.from ?? import.meta.url)
  const line = new Line(which, options.entry ?? findEntry(), { which, module, native: nativeSection() })
  const version = await line.greeting()
  return {
    name: which,
    version,
    cpu: cpuFacts(),
    async open(model, session) {
      const sent = 'path' in model ? model : { bytes: ownCopy(model.bytes) }
      const moved = 'bytes' in sent ? [sent.bytes.buffer as ArrayBuffer] : []
      const answer = await line.ask({ ask: 'open', model: sent, options: session }, moved)
      if (answer.gives !== 'session') throw unexpected(answer)
      return sessionOf(line, answer)
    },
    async work(given, moved = []) {
      const answer = await line.ask({ ask: 'work', given }, moved)
      if (answer.gives !== 'work') throw unexpected(answer)
      return answer.made
    },
    close: () => line.close(),
  }
}

function sessionOf(line: Line, answer: Answer & { gives: 'session' }): RuntimeSession {
  const { session, inputs, outputs } = answer
  return {
    inputs,
    outputs,
    async run(feeds, signal) {
      const own = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, copied(value)]))
      const result = await line.ask({ ask: 'run', session, feeds: own }, buffersOf(own), signal)
      if (result.gives !== 'values') throw unexpected(result)
      return result.values
    },
    async release() {
      if (line.ended === undefined) await line.ask({ ask: 'release', session }, [])
    },
  }
}

interface Pending {
  resolve(answer: Answer): void
  reject(error: TersorError): void
}

/** How long `close` waits for a thread that is in native code. */
const PATIENCE_MS = 5000
const STOPPED = 130

/** The caller's end: numbered questions, and what happens when the thread is gone. */
class Line {
  /** Why nothing can be asked any more. */
  ended: TersorError | undefined
  private readonly native: Start['native']
  private shutting: Promise<void> | undefined
  private readonly worker: Worker
  private readonly pending = new Map<number, Pending>()
  private readonly greeted: Promise<string>
  private asked = 0

  constructor(which: string, entry: URL, start: Start) {
    // Captured, so that nothing the executor prints from JavaScript spoils the terminal; read only at the end, because
    // a stream that is being read keeps the process alive.
    // Without the flags of the process: `node --input-type=module -e ...` refuses them for a file.
    this.worker = new Worker(entry, { workerData: start, stdout: true, stderr: true, name: which, execArgv: [] })
    this.native = start.native
    const atExit = (code: number) => outlast(this.native, code)
    process.on('exit', atExit)
    this.worker.once('exit', () => process.off('exit', atExit))
    this.greeted = new Promise((resolve, reject) => {
      this.worker.once('message', (greeting: Greeting) => {
        if (greeting.ready) resolve(greeting.version)
        else reject(missing(which, greeting.failure.message))
        this.worker.on('message', (answer: Answer) => this.settle(answer))
      })
      this.worker.once('error', (error: Error) => {
        this.end(new TersorError('E_RUNTIME', `the thread of ${which} failed: ${error.message}`, { cause: error }))
        reject(this.ended)
      })
      this.worker.once('exit', (code) => {
        const noise = String(this.worker.stderr.read() ?? '').trim()
        const said = noise === '' ? '' : `: ${noise.slice(-1000)}`
        this.end(new TersorError('E_RUNTIME', `the thread of ${which} ended unexpectedly (exit ${code})${said}`))
        reject(this.ended)
      })
    })
    this.greeted.catch(() => undefined)
  }

  async greeting(): Promise<string> {
    try {
      const version = await this.greeted
      this.worker.unref()
      return version
    } catch (error) {
      await this.close()
      throw error
    }
  }

  ask(question: Ask, moved: readonly ArrayBuffer[], signal?: AbortSignal): Promise<Answer> {
    if (signal?.aborted) return Promise.reject(stopped())
    if (this.ended !== undefined) return Promise.reject(this.ended)
    this.asked += 1
    const id = this.asked
    const stop = () => {
      this.end(stopped())
      void this.shut()
    }
    signal?.addEventListener('abort', stop, { once: true })
    const answered = new Promise<Answer>((resolve, reject) => {
      this.pending.set(id, { resolve, reject })
      this.worker.ref()
      this.worker.postMessage({ ...question, id }, [...moved])
    })
    return answered.finally(() => signal?.removeEventListener('abort', stop))
  }

  async close(): Promise<void> {
    this.end(new TersorError('E_RUNTIME', 'the executor was closed'))
    await this.shut()
  }

  /** Ends the thread, but never in native code: a thread that stays there is left behind, see `outlast`. */
  private shut(): Promise<void> {
    this.shutting ??= this.outside().then(async (outside) => {
      if (outside) await this.worker.terminate()
      else this.worker.unref()
    })
    return this.shutting
  }

  private outside(): Promise<boolean> {
    if (close(this.native)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const look = () => {
        if (!isInside(this.native)) settle()
      }
      const settle = () => {
        clearTimeout(timer)
        this.worker.off('message', look)
        resolve(!isInside(this.native))
      }
      const timer = setTimeout(settle, PATIENCE_MS)
      this.worker.on('message', look)
      look()
    })
  }

  private settle(answer: Answer): void {
    const waiting = this.pending.get(answer.id)
    this.pending.delete(answer.id)
    // A late answer does not: who closes waits for the end of the thread, and the process for them.
    if (this.pending.size === 0 && this.shutting === undefined) this.worker.unref()
    if (answer.gives === 'failure') waiting?.reject(errorFrom(answer.failure))
    else waiting?.resolve(answer)
  }

  /** The first reason stays. */
  private end(reason: TersorError): void {
    this.ended ??= reason
    for (const { reject } of this.pending.values()) reject(this.ended)
    this.pending.clear()
  }
}

/**
 * When the process ends while a thread is still in native code: a stop by the user ends it as an unhandled Ctrl-C would (which
 * shells report as 130), anything else waits for the thread.
 */
function outlast(native: Start['native'], code: number): void {
  if (close(native)) return
  // A further Ctrl-C takes its usual course.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeAllListeners(signal)
  if (code === STOPPED) process.kill(process.pid, 'SIGINT')
  waitUntilOutside(native)
}

/** Node 20 cannot start a thread from TypeScript, so from the sources (tests) the built entry is used. */
function findEntry(): URL {
  const name = 'ort-worker.node.js'
  const places = [`../workers/${name}`, `../../dist/workers/${name}`]
  for (const place of places) {
    const url = new URL(place, import.meta.url)
    if (existsSync(fileURLToPath(url))) return url
  }
  throw new TersorError('E_RUNTIME', `expected ${name} beside ${import.meta.url} or in dist/workers, found none`, {
    hint: 'run `npm run build` first',
  })
}

function resolveModule(which: string, from: string | URL): string {
  try {
    return pathToFileURL(createRequire(from).resolve(which)).href
  } catch (thrown) {
    throw missing(which, 'the package is not installed', thrown)
  }
}

function missing(which: string, why: string, cause?: unknown): TersorError {
  return new TersorError('E_RUNTIME', `${which} does not load: ${why}`, { cause, hint: `npm install ${which}` })
}

function stopped(): TersorError {
  return new TersorError('E_ABORTED', 'stopped by the user')
}

function unexpected(answer: Answer): TersorError {
  return new TersorError('E_INTERNAL', `the executor's thread answered with "${answer.gives}"`)
}

/** A copy in a buffer of its own: what is sent moves, and the caller keeps theirs. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.byteLength)
  copy.set(bytes)
  return copy
}

function copied(value: Value): Value {
  return value.data instanceof Uint8Array ? { ...value, data: ownCopy(value.data) } : value
}

function buffersOf(feeds: Feeds): ArrayBuffer[] {
  return Object.values(feeds).flatMap(({ data }) => (data instanceof Uint8Array ? [data.buffer as ArrayBuffer] : []))
}
