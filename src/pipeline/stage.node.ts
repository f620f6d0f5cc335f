import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileSource } from '../bytes/file.node.ts'
import { outputError } from '../bytes/file-sink.node.ts'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import { writeFully } from './produce/node-io.node.ts'
import type { Stage, StagedFile } from './stage.ts'

const MARK = '.tersor-'
const COPY_BYTES = 4 << 20

/**
 * Stages the files of one result in a hidden folder beside the output, `.NAME.tersor-PID-N`, and moves them when all are
 * complete: data files first, the model last. A folder left by a killed run is recognised by its dead process and removed.
 * Throws E_OUTPUT when the output exists and `force` is not given, or cannot be written.
 */
export class NodeStage implements Stage {
  readonly paths: string[] = []
  readonly #final: string
  readonly #folder: string
  readonly #force: boolean
  readonly #inputs: readonly string[]
  readonly #names: string[] = []
  readonly #fds: number[] = []

  constructor(output: string, options: { readonly force: boolean; readonly inputs: readonly string[] }) {
    this.#final = resolve(output)
    this.#force = options.force
    this.#inputs = options.inputs
    const parent = dirname(this.#final)
    if (!existsSync(parent))
      throw new TersorError('E_OUTPUT', `the folder "${parent}" does not exist`, {
        where: output,
        hint: 'create it first',
      })
    refuseInputs(this.#final, options.inputs)
    if (existsSync(this.#final)) {
      const found = statSync(this.#final)
      if (found.isDirectory())
        throw new TersorError('E_OUTPUT', `"${output}" is a folder; a file name was expected`, { where: output })
      // Renaming would put a file where the device was.
      if (!found.isFile())
        throw new TersorError('E_OUTPUT', `"${output}" is a device or pipe; a file name was expected`, {
          where: output,
        })
      if (!this.#force)
        throw new TersorError('E_OUTPUT', `"${output}" exists`, {
          where: output,
          hint: 'add --force to replace it, or choose another name with -o',
        })
    }
    const base = basename(this.#final)
    removeStale(parent, base)
    this.#folder = join(parent, `.${base}${MARK}${process.pid}-${nextNumber()}`)
    try {
      mkdirSync(this.#folder)
    } catch (cause) {
      throw outputError(parent, cause)
    }
  }

  async open(name: string, byteLength: number): Promise<StagedFile> {
    // A data file may have the name of the input's data file: replacing that would destroy the input, force or not.
    if (this.#names.length > 0) refuseInputs(join(dirname(this.#final), basename(name)), this.#inputs)
    const path = join(this.#folder, basename(name))
    let fd: number
    try {
      fd = openSync(path, 'w+')
      ftruncateSync(fd, byteLength)
    } catch (cause) {
      throw outputError(path, cause)
    }
    this.#names.push(basename(name))
    this.#fds.push(fd)
    this.paths.push(path)
    return {
      name,
      writeAt: (position, bytes) => writeFully(fd, bytes, position, path),
      copyFrom: async (position, source, start, length) => {
        const window = new Uint8Array(
          new ArrayBuffer(Math.min(COPY_BYTES, length) + 64),
          48,
          Math.min(COPY_BYTES, length),
        )
        for (let done = 0; done < length; done += window.length) {
          const count = Math.min(window.length, length - done)
          if (source.readInto) {
            source.readInto(window.subarray(0, count), start + done)
            writeFully(fd, window.subarray(0, count), position + done, path)
          } else writeFully(fd, await source.read(start + done, start + done + count), position + done, path)
        }
      },
    }
  }

  async source(name: string): Promise<ByteSource> {
    return fileSource(join(this.#folder, basename(name)))
  }

  async publish(): Promise<readonly string[]> {
    this.#closeAll()
    const parent = dirname(this.#final)
    const moves = this.#names.map((name, i) => ({
      from: this.paths[i] as string,
      to: i === 0 ? this.#final : join(parent, name),
    }))
    try {
      for (const { to } of moves.slice(1)) {
        if (existsSync(to) && !this.#force)
          throw new TersorError('E_OUTPUT', `"${to}" exists`, { where: to, hint: 'add --force to replace it' })
      }
      for (const { from, to } of [...moves.slice(1), moves[0] as { from: string; to: string }]) renameSync(from, to)
    } catch (cause) {
      throw outputError(this.#final, cause)
    } finally {
      rmSync(this.#folder, { recursive: true, force: true })
    }
    return moves.map(({ to }) => to)
  }

  async discard(): Promise<void> {
    this.#closeAll()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #closeAll(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd)
  }
}

let counter = 0
function nextNumber(): number {
  counter += 1
  return counter
}

function refuseInputs(final: string, inputs: readonly string[]): void {
  const real = existsSync(final) ? realpathSync(final) : final
  for (const input of inputs) {
    if (existsSync(input) && realpathSync(input) === real) {
      throw new TersorError('E_OUTPUT', `the output "${final}" is the input; it would be destroyed`, {
        where: final,
        hint: 'choose another name with -o',
      })
    }
  }
}

/** Folders that dead processes left for the same name. */
export function removeStale(parent: string, base: string): void {
  const prefix = `.${base}${MARK}`
  let entries: string[]
  try {
    entries = readdirSync(parent)
  } catch {
    return
  }
  for (const entry of entries) {
    if (!entry.startsWith(prefix)) continue
    const pid = Number(entry.slice(prefix.length).split('-')[0])
    if (Number.isInteger(pid) && pid > 0 && pid !== process.pid && !alive(pid))
      rmSync(join(parent, entry), { recursive: true, force: true })
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}
