import { TersorError } from '../errors.ts'
import type { Statistics } from '../model/statistics.ts'

/** What a run asks of statistics. */
export interface StatisticsNeed {
  /** `modelFingerprint` of the model as it is quantized. */
  readonly fingerprint: string
  readonly values: readonly string[]
}

const MOST_NAMED = 3

/**
 * E_USAGE where statistics that were given are not those that this run needs: they are of another model, or of other values of it.
 * Those of a run that ended early may lack values.
 */
export function checkStatistics(statistics: Statistics, need: StatisticsNeed, label: string): void {
  if (statistics.model !== need.fingerprint) {
    throw new TersorError(
      'E_USAGE',
      `${label}: these statistics are of another model (${statistics.model.slice(0, 12)}…, this one is ${need.fingerprint.slice(0, 12)}…)`,
      {
        where: label,
        hint: 'name another file, or delete this one and give --calib: they are collected again',
      },
    )
  }
  if (statistics.unfinished) return
  const missing = need.values.filter((name) => !statistics.values.has(name) && !statistics.skipped.has(name))
  if (missing.length === 0) return
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : ''
  throw new TersorError(
    'E_USAGE',
    `${label}: these statistics lack ${missing.length} of the ${need.values.length} values that are needed: ${missing.slice(0, MOST_NAMED).join(', ')}${more}`,
    {
      where: label,
      hint: 'give the --target and --rule of the run that wrote them, or delete the file and give --calib',
    },
  )
}

/** What the ranges come from, in words: `60 samples`. */
export function dataOf({ labels, synthetic }: Pick<Statistics, 'labels' | 'synthetic'>): string {
  const what = synthetic ? 'synthetic input' : 'sample'
  return `${labels.length} ${what}${labels.length === 1 ? '' : 's'}`
}
