import type { Model } from '../model/graph.ts'
import type { Runtime, RuntimeSession } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import type { ModelSessions } from './model-sessions.ts'
import { inTurns } from './observe-threads.node.ts'
import { TapFiles } from './tap-files.node.ts'

/**
 * Opens changed copies of a model, each written to a folder that goes when it is closed. Where the runtime has several threads, copies take
 * turns in them, so that two can run at once.
 */
export class TapSessions implements ModelSessions {
  readonly #runtime: Runtime
  readonly #tools: Tools
  readonly #files: TapFiles
  readonly #open = new Map<string, { readonly session: RuntimeSession; readonly file: string }>()
  #opened = 0

  /** `folder` for the copies; default the system's own for such files. */
  constructor(runtime: Runtime, tools: Tools, folder?: string) {
    this.#runtime = inTurns(runtime)
    this.#tools = tools
    this.#files = new TapFiles(tools, folder)
  }

  /** The session of a key; `build` is asked for the model the first time, and again when it was released in between. */
  async session(key: string, build: () => Model, optimized = false): Promise<RuntimeSession> {
    const known = this.#open.get(key)
    if (known !== undefined) return known.session
    this.#opened += 1
    const file = `${this.#opened} ${key}`
    const path = await this.#files.path(file, build)
    const session = await this.#runtime.open({ path }, { optimized, threads: 1 })
    this.#open.set(key, { session, file })
    return session
  }

  /** Releases every session but these, and removes its copy. */
  async keepOnly(keys: ReadonlySet<string>): Promise<void> {
    for (const [key, { session, file }] of [...this.#open]) {
      if (keys.has(key)) continue
      this.#open.delete(key)
      await session.release()
      this.#files.remove(file)
    }
  }

  async close(): Promise<void> {
    try {
      // A stopped executor has released everything already.
      if (!this.#tools.signal?.aborted) await this.keepOnly(new Set())
    } finally {
      this.#files.close()
    }
  }
}
