import type { Runtime } from '../model/runtime.ts'
import { type Calibration, type CollectOptions, collectWith } from './calibrate.ts'
import { TapSessions } from './tap-sessions.node.ts'

export type { Calibration } from './calibrate.ts'

export interface CalibrateOptions extends CollectOptions {
  readonly runtime: Runtime
  /** Where changed copies of the model are written while it runs. */
  readonly folder?: string
}

/** `collectWith` with copies of the model in files: what Node uses. */
export function collectStatistics({ runtime, folder, ...options }: CalibrateOptions): Promise<Calibration> {
  return collectWith(new TapSessions(runtime, options.tools, folder), options)
}
