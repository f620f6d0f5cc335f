import type { Tools } from '../../model/tools.ts'
import type { Ask } from '../ask.ts'
import { findObservingRuntime } from '../observe-threads.node.ts'
import type { OpenedModel } from '../open-model.node.ts'
import type { Prepared } from '../run.ts'
import { TapSessions } from '../tap-sessions.node.ts'
import { ranBeside } from './ran-beside.ts'
import { type Rotated, rotated } from './rotate.ts'

/** Rotations, proven by running both float models on drawn inputs where there is an onnxruntime. */
export async function rotateFile(
  prepared: Prepared,
  opened: OpenedModel,
  ask: Ask,
  threads: number | undefined,
  tools: Tools,
): Promise<Rotated> {
  const limit = threads === undefined ? {} : { threads }
  const runtime = opened.path === undefined ? undefined : await findObservingRuntime(opened.source.byteLength, limit)
  if (!runtime) return rotated(prepared, ask, async () => null)
  const sessions = new TapSessions(runtime, tools)
  try {
    return await rotated(prepared, ask, await ranBeside(prepared, ask.seed, sessions, tools))
  } finally {
    await sessions.close()
    await runtime.close()
  }
}
