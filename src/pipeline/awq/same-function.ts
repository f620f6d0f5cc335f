import { floatsOf } from '../../calibration/convert.ts'
import type { Model } from '../../model/graph.ts'
import type { Sample } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'

const SAMPLES = 2
/** Root mean square of the difference, of that of the output. */
const TOLERANCE = 1e-3
const HALF_TOLERANCE = 2e-2

/** Whether two models give the same on a few samples, but for rounding. */
export async function sameFunction(
  model: Model,
  changed: Model,
  samples: readonly Sample[],
  sessions: ModelSessions,
  tools: Tools,
): Promise<boolean> {
  const outputs: Map<string, Float64Array>[] = []
  const isHalf = model.graph.initializers.some(({ dtype }) => dtype === 'f16' || dtype === 'bf16')
  for (const one of [model, changed]) {
    const session = await sessions.session(one === model ? 'given' : 'changed', () => one)
    const seen = new Map<string, Float64Array>()
    try {
      for (const [index, { feeds }] of samples.slice(0, SAMPLES).entries()) {
        const own = Object.fromEntries(session.inputs.flatMap(({ name }) => (feeds[name] ? [[name, feeds[name]]] : [])))
        for (const [name, value] of Object.entries(await session.run(own, tools.signal)))
          if (/^b?f\d/.test(value.dtype)) seen.set(`${index} ${name}`, Float64Array.from(floatsOf(value)))
      }
    } finally {
      await sessions.keepOnly(new Set())
    }
    outputs.push(seen)
  }
  const [before, after] = outputs as [Map<string, Float64Array>, Map<string, Float64Array>]
  for (const [name, values] of before) {
    const others = after.get(name)
    if (others?.length !== values.length) return false
    let [difference, energy] = [0, 0]
    for (const [i, value] of values.entries()) {
      const other = others[i] as number
      if (value === other || (Number.isNaN(value) && Number.isNaN(other))) continue
      difference += (value - other) ** 2
      energy += value * value
    }
    if (!(Math.sqrt(difference) <= (isHalf ? HALF_TOLERANCE : TOLERANCE) * Math.sqrt(energy + 1e-30))) return false
  }
  return true
}
