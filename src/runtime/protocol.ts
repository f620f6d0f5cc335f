import type { ErrorFacts } from '../errors.ts'
import type { Feeds, SessionInput, SessionOptions } from '../model/runtime.ts'
import type { NativeSection } from './native-section.ts'

/** What the caller's side asks of the executor's thread. Answers carry the same `id`; requests are served in order. */
export type Request = { readonly id: number } & (
  | {
      readonly ask: 'open'
      readonly model: { readonly path: string } | { readonly bytes: Uint8Array }
      readonly options: SessionOptions
    }
  | { readonly ask: 'run'; readonly session: number; readonly feeds: Feeds }
  | { readonly ask: 'release'; readonly session: number }
  /** Work of the thread's own beside what every executor does; see `serve`. */
  | { readonly ask: 'work'; readonly given: unknown }
)

/** Sent once after the start, before any answer. */
export type Greeting =
  | { readonly ready: true; readonly version: string }
  | { readonly ready: false; readonly failure: ErrorFacts }

export type Answer = { readonly id: number } & (
  | {
      readonly gives: 'session'
      readonly session: number
      readonly inputs: readonly SessionInput[]
      readonly outputs: readonly string[]
    }
  | { readonly gives: 'values'; readonly values: Feeds }
  | { readonly gives: 'work'; readonly made: unknown }
  | { readonly gives: 'nothing' }
  | { readonly gives: 'failure'; readonly failure: ErrorFacts }
)

/** How the thread is started. */
export interface Start {
  readonly which: 'onnxruntime-node' | 'onnxruntime-web'
  /** file: address of the module to import. */
  readonly module: string
  readonly native: NativeSection
}
