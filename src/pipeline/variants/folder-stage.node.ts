import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { outputError } from '../../bytes/file-sink.node.ts'
import { TersorError } from '../../errors.ts'
import { removeStale } from '../stage.node.ts'

/**
 * A whole folder made beside its final place and moved there when it is complete. Where the place is taken by an empty folder, that is replaced;
 * with `force` files go into a folder that has others, each by a rename, what is not written stays.
 */
export class FolderStage {
  readonly path: string
  readonly #final: string
  readonly #force: boolean

  /** Throws E_OUTPUT when the place is taken or not writable, or when it is what is read. */
  constructor(output: string, { force, input }: { readonly force: boolean; readonly input: string }) {
    this.#final = resolve(output)
    this.#force = force
    const parent = dirname(this.#final)
    const refused = (what: string, hint: string) => new TersorError('E_OUTPUT', what, { where: output, hint })
    if (!existsSync(parent)) throw refused(`the folder "${parent}" does not exist`, 'create it first')
    if (existsSync(this.#final)) {
      if (!statSync(this.#final).isDirectory())
        throw refused(`"${output}" is a file; a folder was expected`, 'choose another name with -o')
      const own = realpathSync(this.#final)
      if (own === realpathSync(input))
        throw refused(`"${output}" is the folder that is read`, 'choose another name with -o')
      if (!force && readdirSync(this.#final).length > 0)
        throw refused(
          `the folder "${output}" exists and is not empty`,
          'add --force to write into it, or choose another name with -o',
        )
    }
    const base = basename(this.#final)
    removeStale(parent, base)
    this.path = join(parent, `.${base}.tersor-${process.pid}-folder`)
    try {
      mkdirSync(join(this.path, 'onnx'), { recursive: true })
    } catch (cause) {
      throw outputError(parent, cause)
    }
  }

  /** Gives the files, below the folder. Configuration goes last: it says what else is there. */
  publish(): readonly string[] {
    const files = filesOf(this.path, '').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    try {
      if (existsSync(this.#final) && readdirSync(this.#final).length === 0) rmdirSync(this.#final)
      if (!existsSync(this.#final)) renameSync(this.path, this.#final)
      else {
        if (!this.#force)
          throw new TersorError('E_OUTPUT', `the folder "${this.#final}" exists`, { where: this.#final })
        for (const file of files) {
          mkdirSync(dirname(join(this.#final, file)), { recursive: true })
          renameSync(join(this.path, file), join(this.#final, file))
        }
      }
    } catch (cause) {
      throw outputError(this.#final, cause)
    } finally {
      this.discard()
    }
    return files
  }

  discard(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

const rank = (file: string): number => (file === 'config.json' ? 2 : /\.onnx$/.test(file) ? 1 : 0)

function filesOf(folder: string, below: string): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    return entry.isDirectory() ? filesOf(folder, name) : [name]
  })
}
