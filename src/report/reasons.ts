import type { DecisionFact } from '../model/report.ts'

export interface ReasonGroup {
  readonly code: string
  /** The sentence most tensors of the group share. */
  readonly text: string
  readonly tensors: readonly DecisionFact[]
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** Decisions with one reason code together, the most bytes first. */
export function groupByReason(decisions: readonly DecisionFact[]): ReasonGroup[] {
  return groupBy(decisions, (decision) => decision.because.code)
}

export interface SchemeGroup extends ReasonGroup {
  readonly lowerings: readonly string[]
}

/** What was changed, by scheme. */
export function groupByScheme(decisions: readonly DecisionFact[]): SchemeGroup[] {
  const changed = decisions.filter((decision) => decision.action !== 'keep')
  return groupBy(changed, (decision) => decision.scheme ?? decision.action).map((group) => ({
    ...group,
    lowerings: [...new Set(group.tensors.flatMap(({ lowering }) => lowering ?? []))].sort(),
  }))
}

function groupBy(decisions: readonly DecisionFact[], key: (decision: DecisionFact) => string): ReasonGroup[] {
  const groups = new Map<string, DecisionFact[]>()
  for (const decision of decisions) {
    const members = groups.get(key(decision))
    if (members === undefined) groups.set(key(decision), [decision])
    else members.push(decision)
  }
  const result = [...groups].map(([code, tensors]) => ({
    code,
    text: mostCommon(tensors.map(({ because }) => because.text)),
    tensors,
    bytesBefore: tensors.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0),
    bytesAfter: tensors.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0),
  }))
  return result.sort((a, b) => b.bytesBefore - a.bytesBefore || (a.code < b.code ? -1 : 1))
}

function mostCommon(texts: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  let best = texts[0] ?? ''
  for (const [text, count] of counts) if (count > (counts.get(best) ?? 0)) best = text
  return best
}
