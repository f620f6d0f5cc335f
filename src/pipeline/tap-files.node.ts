import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../model/graph.ts'
import type { Tools } from '../model/tools.ts'
import { save } from './save.ts'
import { NodeStage } from './stage.node.ts'

/** Changed copies of a model, each a file in a folder that goes in the end. */
export class TapFiles {
  readonly #tools: Tools
  readonly #home: string
  readonly #known = new Map<string, Promise<string>>()

  /** `folder` for the copies; default the system's own for such files. */
  constructor(tools: Tools, folder = tmpdir()) {
    this.#tools = tools
    this.#home = mkdtempSync(join(folder, 'tersor-taps-'))
  }

  /** The path of a key; `build` is asked for the model the first time. */
  path(key: string, build: () => Model): Promise<string> {
    let path = this.#known.get(key)
    if (path === undefined) {
      path = this.#write(`${this.#known.size + 1}.onnx`, build)
      this.#known.set(key, path)
    }
    return path
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
