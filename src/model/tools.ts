import type { Kernels } from './kernels.ts'
import type { Runtime } from './runtime.ts'

/** Progress as data; no stage prints. */
export interface StageEvent {
  readonly phase: string
  readonly done: number
  readonly total: number
  /** What is being worked on, such as a tensor's name. */
  readonly note?: string
}

/** What a stage may use; passed in, never imported as state. */
export interface Tools {
  readonly kernels: Kernels
  readonly runtime?: Runtime
  readonly signal?: AbortSignal
  notify(event: StageEvent): void
}
