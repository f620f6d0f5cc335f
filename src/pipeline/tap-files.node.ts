import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../model/graph.ts'
import type { Tools } from '../model/tools.ts'
import { save } from './save.ts'
import { NodeStage, removeStale } from './stage.node.ts'

const NAME = 'taps'

/** Changed copies of a model, each a file in a folder that goes in the end; what killed runs left of such folders goes at the start. */
export class TapFiles {
  readonly #tools: Tools
  readonly #home: string
  readonly #known = new Map<string, Promise<string>>()
  readonly #names = new Map<string, string>()
  #count = 0

  /** `folder` for the copies; default the system's own for such files. */
  constructor(tools: Tools, folder = tmpdir()) {
    this.#tools = tools
    removeStale(folder, NAME)
    this.#home = mkdtempSync(join(folder, `.${NAME}.tersor-${process.pid}-`))
  }

  /** The path of a key; `build` is asked for the model the first time. */
  path(key: string, build: () => Model): Promise<string> {
    let path = this.#known.get(key)
    if (path === undefined) {
      this.#count += 1
      const name = `${this.#count}.onnx`
      this.#names.set(key, name)
      path = this.#write(name, build)
      this.#known.set(key, path)
    }
    return path
  }

  /** Forgets one, with its data. */
  remove(key: string): void {
    if (!this.#known.delete(key)) return
    const name = this.#names.get(key)
    this.#names.delete(key)
    if (name === undefined) return
    for (const entry of readdirSync(this.#home)) {
      if (entry === name || entry.startsWith(`${name}.`)) rmSync(join(this.#home, entry), { force: true })
    }
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }

  async #write(name: string, build: () => Model): Promise<string> {
    const path = join(this.#home, name)
    const stage = new NodeStage(path, { force: true, inputs: [] })
    await save(build(), [], stage, { name, measure: false }, this.#tools)
    await stage.publish()
    return path
  }
}
