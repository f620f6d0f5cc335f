import { openSynthetic } from '../../calibration/index.ts'
import { TersorError } from '../../errors.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { sameFunction } from '../awq/same-function.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { Prepared } from '../run.ts'
import { statedSession } from '../stated-sizes.ts'
import { idLimits } from '../token-tables.ts'
import type { SameFunction } from './rotate.ts'

/** Two float models beside each other. */
const MOST_BYTES = 2 ** 30
const SAMPLES = 2

/** Runs a changed model and the given one on drawn inputs; says nothing where the given one does not run here or both are too large. */
export async function ranBeside(
  { model, inventory, input }: Prepared,
  seed: number,
  sessions: ModelSessions,
  tools: Tools,
): Promise<SameFunction> {
  if (input.byteLength > MOST_BYTES) return async () => null
  try {
    const given = await sessions.session('given', () => model)
    const set = await openSynthetic(statedSession(given, model), {
      ...{ seed, count: SAMPLES, limits: idLimits(inventory, model.graph) },
      ...(tools.signal ? { signal: tools.signal } : {}),
    })
    const samples: Sample[] = []
    for (let index = 0; index < set.count; index++) samples.push(await set.at(index))
    for (const { feeds } of samples) await given.run(feeds, tools.signal)
    return (changed) => sameFunction(model, changed, samples, sessions, tools)
  } catch (thrown) {
    if (tools.signal?.aborted || !(thrown instanceof TersorError) || thrown.code !== 'E_RUNTIME') throw thrown
    return async () => null
  }
}
