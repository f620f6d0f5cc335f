import { TersorError } from '../errors.ts'
import {
  type ComparedOutput,
  lossOf,
  type MetricFacts,
  type Thresholds,
  type VerdictFacts,
} from '../evaluation/index.ts'
import type { CompareReport } from '../model/compare-report.ts'

type Judged = CompareReport['thresholds'][number]

/** What loss is a loss of; default what A says. */
interface Basis {
  readonly by?: NonNullable<VerdictFacts['by']>
  readonly metric?: MetricFacts
}

/** The thresholds that were given, each against the worst output it fits. E_USAGE for one that fits no output. */
export function judgeThresholds(
  thresholds: Thresholds,
  outputs: readonly ComparedOutput[],
  { by, metric }: Basis = {},
): readonly Judged[] {
  const judged: Judged[] = []
  const least = (metric: string, value: number | undefined, found: readonly number[]): void => {
    if (value === undefined) return
    if (found.length === 0) throw noFit(metric)
    const worst = Math.min(...found)
    judged.push({ metric, value, found: worst, met: worst >= value })
  }
  const most = (metric: string, value: number | undefined, found: readonly number[]): void => {
    if (value === undefined) return
    if (found.length === 0) throw noFit(metric)
    const worst = Math.max(...found)
    judged.push({ metric, value, found: worst, met: worst <= value })
  }
  least(
    'cosine',
    thresholds.minCosine,
    outputs.map(({ cosine }) => cosine),
  )
  least(
    'top1Agreement',
    thresholds.minAgreement,
    outputs.flatMap(({ top1Agreement }) => top1Agreement ?? []),
  )
  most(
    'kl',
    thresholds.maxKl,
    outputs.flatMap(({ kl }) => kl ?? []),
  )
  most(
    'loss',
    thresholds.maxLoss,
    metric === undefined ? outputs.flatMap((output) => lost(output, by)) : [lossOf(metric)],
  )
  return judged
}

/** Without labels, what A says is the label. */
function lost({ kind, equal, top1Agreement, cosine }: ComparedOutput, by: Basis['by']): readonly number[] {
  if (by === 'cosine') return [1 - cosine]
  if (by === 'top1') return top1Agreement === undefined ? [] : [1 - top1Agreement]
  return [1 - (kind === 'exact' ? (equal ?? 0) : (top1Agreement ?? cosine))]
}

function noFit(metric: string): TersorError {
  return new TersorError('E_USAGE', `no output of these models can be judged by ${metric}`, {
    hint: 'agreement needs a classifier or language model, divergence needs scores; cosine fits every numeric output',
  })
}
