import { availableParallelism } from 'node:os'
import type { Model } from '../model/graph.ts'
import type { Feeds, Runtime } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { findRuntime } from '../runtime/find.node.ts'
import { type OrtThread, startOrtWorker } from '../runtime/worker.node.ts'
import type { ObserveOrder } from './observe-orders.ts'
import { keyOf, type Look, type Looked, type Place, RANGES } from './observe-places.ts'
import { rangedModel } from './ranged-model.ts'
import type { TapFiles } from './tap-files.node.ts'
import { tappedModel } from './tapped-model.ts'
import type { Watched } from './value-watch.ts'
import { workerUrl } from './worker-url.node.ts'

/** A runtime whose thread also observes, with others beside it that do nothing else. */
export interface ObservingRuntime extends Runtime {
  /** All threads that could be started, this one first. */
  threads(): Promise<readonly OrtThread[]>
}

/** What is found first where it is installed. */
const LIKELY = 'onnxruntime-node'
const ENTRY = 'observe-worker.node.js'
/** Each thread holds the weights once more; beyond this many bytes of them all together there are fewer threads. */
const MOST_WEIGHTS = 512 << 20

export interface ObservingOptions {
  /** Default one for each core. */
  readonly threads?: number
  /** The compiled entry of the threads; default that of dist/. */
  readonly entry?: URL
}

/** As `findRuntime`, with threads to observe a model of so many bytes. */
export async function findObservingRuntime(
  modelBytes: number,
  { threads = availableParallelism(), entry = workerUrl(ENTRY) }: ObservingOptions = {},
): Promise<ObservingRuntime | undefined> {
  const count = Math.max(1, Math.min(threads, Math.floor(MOST_WEIGHTS / Math.max(1, modelBytes))))
  // They start while the first one is tried. One that does not start is not missed: fewer threads see the same.
  const started = (name: Runtime['name']) =>
    Array.from({ length: count - 1 }, () => startOrtWorker(name, { entry }).catch(() => undefined))
  const likely = started(LIKELY)
  const found = (await findRuntime({ entry })) as OrtThread | undefined
  if (found?.name !== LIKELY) for (const one of likely) void one.then((thread) => thread?.close())
  if (found === undefined) return undefined
  const others = found.name === LIKELY ? likely : started(found.name)
  const all = Promise.all(others).then((list) => [found, ...list.filter((one) => one !== undefined)])
  return {
    name: found.name,
    version: found.version,
    cpu: found.cpu,
    open: (model, session) => found.open(model, session),
    threads: () => all,
    close: async () => {
      for (const one of await all) await one.close()
    },
  }
}

export function canObserve(runtime: Runtime): runtime is ObservingRuntime {
  return 'threads' in runtime
}

/** The same runtime, whose sessions take turns in its threads where it has several, so that they can run side by side. */
export function inTurns(runtime: Runtime): Runtime {
  if (!canObserve(runtime)) return runtime
  let opened = 0
  return {
    name: runtime.name,
    version: runtime.version,
    cpu: runtime.cpu,
    parallel: true,
    open: async (model, session) => {
      const threads = await runtime.threads()
      opened += 1
      return (threads[opened % threads.length] as Runtime).open(model, session)
    },
    close: () => runtime.close(),
  }
}

/** A thread as a place where values are looked at, from `begin` to `end`. */
export class ThreadPlace implements Place {
  /** The next one waits there already: a thread that is done need not wait for this one. */
  readonly room = 2
  /** The executor's own, and the ones that are looked at. */
  readonly copies = 2
  readonly #thread: OrtThread
  readonly #model: Model
  readonly #files: TapFiles

  constructor(thread: OrtThread, model: Model, files: TapFiles) {
    this.#thread = thread
    this.#model = model
    this.#files = files
  }

  async begin(axes: ReadonlyMap<string, number>, tools: Tools, least?: number): Promise<void> {
    await this.#ask({ order: 'begin', axes, kernels: tools.kernels.id, least })
  }

  async look({ parts, ranges, ...plain }: Look): Promise<Looked> {
    const { also, feeds, isOwn } = plain
    const moved = isOwn ? buffersOf(feeds) : []
    if (ranges) {
      const path = await this.#files.path(RANGES, () => rangedModel(this.#model, ranges.of))
      const look = { ...plain, parts: [], ranges: { ...ranges, path } }
      return (await this.#ask({ order: 'look', look }, moved)) as Looked
    }
    const files = await Promise.all(
      parts.map(async (values) => ({
        values,
        path:
          values.length + also.length === 0
            ? null
            : await this.#files.path(keyOf(values), () => tappedModel(this.#model, values, also)),
      })),
    )
    return (await this.#ask({ order: 'look', look: { ...plain, parts: files } }, moved)) as Looked
  }

  async take(): Promise<Watched> {
    return (await this.#ask({ order: 'take' })) as Watched
  }

  async end(): Promise<void> {
    await this.#ask({ order: 'end' }).catch(() => undefined)
  }

  #ask(order: ObserveOrder, moved?: readonly ArrayBuffer[]): Promise<unknown> {
    return this.#thread.work(order, moved)
  }
}

function buffersOf(feeds: Feeds): readonly ArrayBuffer[] {
  const buffers = Object.values(feeds).flatMap(({ data }) => (data instanceof Uint8Array ? [data.buffer] : []))
  return [...new Set(buffers)].filter((buffer) => buffer instanceof ArrayBuffer)
}
