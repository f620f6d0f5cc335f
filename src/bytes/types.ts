/** Random-access bytes: a file, a Blob, an array, an address that answers range requests. */
export interface ByteSource {
  /** For messages: a path, a name or an address. */
  readonly label: string
  readonly byteLength: number
  /** Local path, when there is one that other threads may open themselves. */
  readonly path?: string
  /** Bytes [start, end). Rejects with E_FORMAT when the range leaves the source. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>
  /** Fills `target` from `start` without allocating, where the source can. */
  readInto?(target: Uint8Array, start: number): void
  close?(): Promise<void>
}

/** Where one output file goes. Append only, unless `writeAt` exists. Nothing is visible before `commit`. */
export interface ByteSink {
  readonly label: string
  /** Staged path that other threads may open for writing at known offsets. */
  readonly stagedPath?: string
  write(chunk: Uint8Array): Promise<void>
  /** Positioned write; the order of calls does not matter. */
  writeAt?(position: number, chunk: Uint8Array): void
  commit(): Promise<void>
  /** Removes everything staged. Never throws. */
  abort(): Promise<void>
}
