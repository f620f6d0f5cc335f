import type { ScopePath } from '../../model/graph.ts'
import type { Statistics, ValueStatistics } from '../../model/statistics.ts'
import { scopeKey } from '../walk.ts'

/** The statistics of one scope, by the names that its values have there; for the main graph all there are. */
export function bodyStatistics(statistics: Statistics, path: ScopePath): Statistics {
  if (path.length === 0) return statistics
  const prefix = `${scopeKey(path)}/`
  const own = <T>(all: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map(
      [...all].flatMap(([key, one]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), one] as const] : [])),
    )
  return { ...statistics, values: own<ValueStatistics>(statistics.values), skipped: own(statistics.skipped) }
}
