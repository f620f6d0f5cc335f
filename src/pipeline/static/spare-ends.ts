import type { Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { Tools } from '../../model/tools.ts'
import { type End, endsOf } from './ends.ts'
import type { OutputNoise, Trial } from './trial.ts'

export interface SparedEnd extends End {
  /** Part of all noise that rounding what they read makes, at the output where it is largest. */
  readonly share: number
}

/** Rounding that makes less of the noise than this is left as it is. */
const WORTH = 0.1
/** Everything spared may take this much: 95 of 100 multiply-adds are to run in integers. */
const BUDGET = 0.04

/** Ends of the model whose rounded input makes much of the noise, measured alone, and which cost next to nothing in float. */
export async function spareEnds(
  trial: Trial,
  model: Model,
  placement: Placement,
  tools: Tools,
): Promise<readonly SparedEnd[]> {
  const ends = endsOf(model, placement).filter(({ group }) => trial.board.groups.has(group))
  if (ends.length === 0) return []
  const all = await trial.all()
  const measured: SparedEnd[] = []
  for (const [done, end] of ends.entries()) {
    tools.notify({ phase: 'ends', done, total: ends.length, note: end.group })
    measured.push({ ...end, share: largestShare(await trial.group(end.group), all) })
  }
  let left = BUDGET
  return measured
    .filter(({ share }) => share >= WORTH)
    .sort((a, b) => b.share / b.cost - a.share / a.cost || (a.group < b.group ? -1 : 1))
    .filter(({ cost }) => {
      if (cost > left) return false
      left -= cost
      return true
    })
}

/** The note of the report. */
export function sparedNote({ labels, share, cost }: SparedEnd): string {
  const who = `${labels.slice(0, 3).join(', ')}${labels.length > 3 ? ` and ${labels.length - 3} more` : ''}`
  const [noise, work] = [share, cost].map((part) => `${(100 * part).toFixed(part < 0.01 ? 2 : 0)} %`)
  return `${who}: float, as rounding the input makes ${noise} of the error there and the cost is ${work} of the work`
}

function largestShare(noise: OutputNoise, all: OutputNoise): number {
  let most = 0
  for (const [output, one] of noise) {
    const total = all.get(output) ?? 0
    if (total > 0) most = Math.max(most, one / total)
  }
  return most
}
