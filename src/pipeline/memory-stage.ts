import { memorySource } from '../bytes/memory.ts'
import type { ByteSource } from '../bytes/types.ts'
import { TersorError } from '../errors.ts'
import type { Stage, StagedFile } from './stage.ts'

/** Files in memory: the browser's stage, and what tests use. */
export class MemoryStage implements Stage {
  readonly paths = null
  readonly files = new Map<string, Uint8Array>()

  async open(name: string, byteLength: number): Promise<StagedFile> {
    const bytes = new Uint8Array(byteLength)
    this.files.set(name, bytes)
    return {
      name,
      writeAt: (position, chunk) => bytes.set(chunk, position),
      copyFrom: async (position, source, start, length) => {
        const window = 4 << 20
        for (let done = 0; done < length; done += window) {
          const end = Math.min(length, done + window)
          bytes.set(await source.read(start + done, start + end), position + done)
        }
      },
    }
  }

  async source(name: string): Promise<ByteSource> {
    const bytes = this.files.get(name)
    if (!bytes) throw new TersorError('E_INTERNAL', `no staged file "${name}"`)
    return memorySource(bytes, name)
  }

  async publish(): Promise<readonly string[]> {
    return [...this.files.keys()]
  }

  async discard(): Promise<void> {
    this.files.clear()
  }
}
