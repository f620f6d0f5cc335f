import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../model/graph.ts'
import type { Runtime, RuntimeSession } from '../model/runtime.ts'
import type { Tools } from '../model/tools.ts'
import type { ModelSessions } from './model-sessions.ts'
import { save } from './save.ts'
import { NodeStage } from './stage.node.ts'

/** Opens changed copies of a model, each written to a folder that goes when it is closed: graph optimization off, one thread. */
export class TapSessions implements ModelSessions {
  readonly #runtime: Runtime
  readonly #tools: Tools
  readonly #home: string
  readonly #open = new Map<string, RuntimeSession>()
  #files = 0

  /** `folder` for the copies; default the system's own for such files. */
  constructor(runtime: Runtime, tools: Tools, folder = tmpdir()) {
    this.#runtime = runtime
    this.#tools = tools
    this.#home = mkdtempSync(join(folder, 'tersor-taps-'))
  }

  /** The session of a key; `build` is asked for the model the first time. */
  async session(key: string, build: () => Model): Promise<RuntimeSession> {
    const known = this.#open.get(key)
    if (known !== undefined) return known
    this.#files += 1
    const name = `${this.#files}.onnx`
    const stage = new NodeStage(join(this.#home, name), { force: true, inputs: [] })
    await save(build(), [], stage, { name, measure: false }, this.#tools)
    await stage.publish()
    const opened = await this.#runtime.open({ path: join(this.#home, name) }, { optimized: false, threads: 1 })
    this.#open.set(key, opened)
    return opened
  }

  /** Releases every session but these. */
  async keepOnly(keys: ReadonlySet<string>): Promise<void> {
    for (const [key, session] of [...this.#open]) {
      if (keys.has(key)) continue
      this.#open.delete(key)
      await session.release()
    }
  }

  async close(): Promise<void> {
    try {
      // A stopped executor has released everything already.
      if (!this.#tools.signal?.aborted) await this.keepOnly(new Set())
    } finally {
      rmSync(this.#home, { recursive: true, force: true })
    }
  }
}
