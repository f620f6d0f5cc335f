import { takeInventory } from '../graph/index.ts'
import type { InspectReport } from '../model/inspect-report.ts'
import type { StageEvent } from '../model/tools.ts'
import { askOf } from './ask-of.ts'
import { sha256Of } from './file-facts.node.ts'
import { inspectModel } from './inspect.ts'
import { load } from './load.ts'
import { openModel } from './open-model.node.ts'
import { Phases } from './phases.ts'
import { readSmall } from './tensor-bytes.ts'

export interface InspectOptions {
  readonly to?: string
  readonly target?: string
  readonly hashes?: boolean
  readonly onEvent?: (event: StageEvent) => void
  readonly signal?: AbortSignal
}

/** What a model file holds, without running it. Reads the header and samples of tensors that may be equal, nothing else. */
export async function inspect(input: string, options: InspectOptions = {}): Promise<InspectReport> {
  const phases = new Phases(options.onEvent ?? (() => undefined))
  const opened = await openModel(input)
  try {
    const loaded = await phases.time('load', () => load(opened.source, opened.openExternal, options.signal))
    const inventory = await phases.time('inspect', () => takeInventory(loaded.model, readSmall))
    return await inspectModel(
      loaded.model,
      inventory,
      askOf({
        ...(options.to ? { to: options.to } : {}),
        ...(options.target ? { target: options.target } : {}),
        noVerify: true,
      }),
      {
        path: opened.path ?? opened.source.label,
        phases: phases.list,
        warnings: loaded.warnings,
        peakBytes: process.resourceUsage().maxRSS * 1024,
        ...(options.hashes && opened.path !== undefined ? { sha256: await sha256Of(opened.path) } : {}),
      },
    )
  } finally {
    await opened.source.close?.()
  }
}
