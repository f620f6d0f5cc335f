import type { Tools } from '../../model/tools.ts'
import type { MeasuredNoise } from './raise.ts'
import type { OutputNoise, Trial } from './trial.ts'

/** Noise of each rounding of a switchboard alone. */
export async function measureNoise(trial: Trial, tools: Tools): Promise<MeasuredNoise> {
  const groups = new Map<string, OutputNoise>()
  const weights = new Map<string, OutputNoise>()
  const { board } = trial
  const total = board.groups.size + board.weights.size
  const say = (note: string) => tools.notify({ phase: 'sensitivity', done: groups.size + weights.size, total, note })
  for (const name of board.groups.keys()) {
    say(name)
    groups.set(name, await trial.group(name))
  }
  for (const name of board.weights.keys()) {
    say(name)
    weights.set(name, await trial.weight(name))
  }
  return { groups, weights }
}
