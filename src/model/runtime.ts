import type { DType } from './dtype.ts'

/** A tensor handed to or received from an executor. `data` is the little-endian element buffer, or strings. */
export interface Value {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array | readonly string[]
}
export type Feeds = Readonly<Record<string, Value>>

export interface SessionOptions {
  /** false: graph optimization off, the arithmetic of the operator definitions ("unfused"). */
  readonly optimized: boolean
  /** Threads inside one operator; default 1. */
  readonly threads?: number
  /** Extra session configuration entries (`session.qdq_matmulnbits_accuracy_level` and so on). */
  readonly config?: Readonly<Record<string, string>>
}

export interface SessionInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly (number | string | null)[]
}

export interface RuntimeSession {
  readonly inputs: readonly SessionInput[]
  readonly outputs: readonly string[]
  run(feeds: Feeds, signal?: AbortSignal): Promise<Readonly<Record<string, Value>>>
  release(): Promise<void>
}

/** An executor of models. Never blocks the caller's event loop. */
export interface Runtime {
  readonly name: 'onnxruntime-node' | 'onnxruntime-web'
  readonly version: string
  /** CPU facts worth reporting, such as 'avx2', 'avx512_vnni'. */
  readonly cpu: readonly string[]
  /** Its sessions run at the same time, rather than in turn. */
  readonly parallel?: boolean
  /** Loads from a path (external data resolves beside it) or from bytes. Rejects with E_RUNTIME, the executor's text in the message. */
  open(
    model: { readonly path: string } | { readonly bytes: Uint8Array },
    options: SessionOptions,
  ): Promise<RuntimeSession>
  close(): Promise<void>
}

/** One set of inputs, and where it came from. */
export interface Sample {
  readonly label: string
  /** Position in the data, from 0, before any selection; absent when samples have no order. */
  readonly index?: number
  /** Tokens in front of each line that are only there to be read: what a model says of them is not counted. */
  readonly contextTokens?: number
  readonly feeds: Feeds
  /** Made for whoever asked for it: nobody else reads its buffers, so that they may be moved away. */
  readonly isOwn?: boolean
  /** Expected outputs, when the data give them (`test_data_set_*`). */
  readonly expected?: Feeds
}
