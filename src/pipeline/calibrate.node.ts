import type { Runtime } from '../model/runtime.ts'
import { type Calibration, type CollectOptions, collectWith } from './calibrate.ts'
import { canObserve, ThreadPlace } from './observe-threads.node.ts'
import { TapFiles } from './tap-files.node.ts'
import { TapSessions } from './tap-sessions.node.ts'

export type { Calibration } from './calibrate.ts'

export interface CalibrateOptions extends CollectOptions {
  /** One from `findObservingRuntime` looks at samples in several threads. */
  readonly runtime: Runtime
  /** Where changed copies of the model are written while it runs. */
  readonly folder?: string
}

/** `collectWith` with copies of the model in files, in the threads of the runtime: what Node uses. */
export async function collectStatistics({ runtime, folder, ...options }: CalibrateOptions): Promise<Calibration> {
  const { model, tools } = options
  const sessions = new TapSessions(runtime, tools, folder)
  if (!canObserve(runtime)) return collectWith(sessions, options)
  const files = new TapFiles(tools, folder)
  const places: ThreadPlace[] = []
  try {
    return await collectWith(sessions, options, async (axes, least) => {
      for (const thread of await runtime.threads()) {
        const place = new ThreadPlace(thread, model, files)
        await place.begin(axes, tools, least)
        places.push(place)
      }
      return places
    })
  } finally {
    for (const place of places) await place.end()
    files.close()
  }
}
