import type { Model } from '../model/graph.ts'
import type { Runtime, RuntimeSession } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import { MemoryStage } from './memory-stage.ts'
import { save } from './save.ts'

/** Sessions of changed copies of a model, of one thread each. */
export interface ModelSessions {
  /** The session of a key; `build` is asked for the model the first time. Graph optimization is off unless `optimized`. */
  session(key: string, build: () => Model, optimized?: boolean): Promise<RuntimeSession>
  /** Releases every session but these. */
  keepOnly(keys: ReadonlySet<string>): Promise<void>
  close(): Promise<void>
}

/** Copies in memory, where there are no files. */
export class MemorySessions implements ModelSessions {
  readonly #runtime: Runtime
  readonly #tools: Tools
  readonly #open = new Map<string, RuntimeSession>()

  constructor(runtime: Runtime, tools: Tools) {
    this.#runtime = runtime
    this.#tools = tools
  }

  async session(key: string, build: () => Model, optimized = false): Promise<RuntimeSession> {
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const stage = new MemoryStage()
    await save(build(), [], stage, { name: 'model.onnx', measure: false }, this.#tools)
    const bytes = stage.files.get('model.onnx') as Uint8Array
    const opened = await this.#runtime.open({ bytes }, { optimized, threads: 1 })
    this.#open.set(key, opened)
    return opened
  }

  async keepOnly(keys: ReadonlySet<string>): Promise<void> {
    for (const [key, session] of [...this.#open]) {
      if (keys.has(key)) continue
      this.#open.delete(key)
      await session.release()
    }
  }

  async close(): Promise<void> {
    if (!this.#tools.signal?.aborted) await this.keepOnly(new Set())
  }
}
