import { floatsOf } from '../../calibration/convert.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { applyEdits, removeDead } from '../../graph/index.ts'
import { insertPairs, type PairInputs } from '../../graph/lowerings/index.ts'
import type { Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { tappedModel } from '../tapped-model.ts'

/** `errorsOfModels` of one model with each of some choices of weights and biases. */
export function errorsOfConstants(
  model: Model,
  placement: Placement,
  choices: readonly PairInputs[],
  samples: SampleSet,
  count: number,
  sessions: ModelSessions,
  tools: Tools,
): Promise<readonly number[]> {
  const models = choices.map((choice) => () => removeDead(applyEdits(model, insertPairs(model, placement, choice))))
  return errorsOfModels(model, models, samples, count, sessions, tools)
}

/**
 * Error of the float outputs of changed models against the exact one's: for every changed one the sum over outputs of error energy by
 * energy, over `count` samples from between those that are evenly spread. NaN where an output is not finite.
 */
export async function errorsOfModels(
  exactModel: Model,
  changed: readonly (() => Model)[],
  samples: SampleSet,
  count: number,
  sessions: ModelSessions,
  tools: Tools,
): Promise<readonly number[]> {
  const names = exactModel.graph.outputs.map(({ name }) => name)
  await sessions.keepOnly(new Set())
  const exact = await sessions.session('exact', () => tappedModel(exactModel, names))
  const energies = new Map<string, number>()
  const errors = changed.map(() => new Map<string, number>())
  const add = (to: Map<string, number>, name: string, more: number) => to.set(name, (to.get(name) ?? 0) + more)
  const used = Math.min(count, samples.count)
  for (let index = 0; index < used; index++) {
    tools.signal?.throwIfAborted()
    const { feeds } = await samples.at(Math.floor(((index + 0.5) * samples.count) / used))
    const opened = [exact]
    for (const [at, model] of changed.entries())
      opened.push(await sessions.session(`choice ${at}`, () => tappedModel(model(), names)))
    const [wanted = {}, ...others] = await Promise.all(opened.map((session) => session.run(feeds, tools.signal)))
    for (const [at, found] of others.entries()) {
      for (const name of names) {
        const [a, b] = [wanted[name], found[name]]
        if (a?.dtype !== 'f32' || b?.dtype !== 'f32' || String(a.shape) !== String(b.shape)) continue
        const [x, y] = [asSingles(floatsOf(a)), asSingles(floatsOf(b))]
        let [error, energy] = [0, 0]
        for (let i = 0; i < x.length; i++) {
          error += ((x[i] as number) - (y[i] as number)) ** 2
          energy += (x[i] as number) ** 2
        }
        add(errors[at] as Map<string, number>, name, error)
        if (at === 0) add(energies, name, energy)
      }
    }
  }
  await sessions.keepOnly(new Set())
  return errors.map((one) => [...one].reduce((sum, [name, error]) => sum + error / ((energies.get(name) ?? 0) || 1), 0))
}
