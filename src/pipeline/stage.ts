import type { ByteSource } from '../bytes/types.ts'

/** One staged output file, written at known offsets. */
export interface StagedFile {
  readonly name: string
  writeAt(position: number, bytes: Uint8Array): void | Promise<void>
  /** Copies a run of another source, in windows. */
  copyFrom(position: number, source: ByteSource, start: number, byteLength: number): Promise<void>
}

/** All files of one result. Nothing is visible under its final name before `publish`. */
export interface Stage {
  open(name: string, byteLength: number): Promise<StagedFile>
  /** Staged paths in the order the files were opened, when other threads and runtimes can open them. */
  readonly paths: readonly string[] | null
  /** The staged files, for reading back. */
  source(name: string): Promise<ByteSource>
  publish(): Promise<readonly string[]>
  discard(): Promise<void>
}
