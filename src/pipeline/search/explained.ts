import type { DecisionFact, Report } from '../../model/report.ts'
import type { SearchGroup } from '../../model/search-facts.ts'

/** The report with decisions that say why the search chose them. */
export function explained(report: Report): Report {
  const { search } = report
  if (search === undefined) return report
  const groups = new Map(search.groups.flatMap((group) => group.tensors.map((name) => [name, group] as const)))
  const decisions = report.decisions.map((decision): DecisionFact => {
    const group = groups.get(decision.tensor)
    if (group === undefined || !decision.because.text.startsWith(`rule ${decision.tensor}=`)) return decision
    const rest = decision.because.text.slice(`rule ${decision.tensor}=${group.chosen}`.length)
    return { ...decision, because: { code: 'error-per-byte', text: `${reasonOf(group, search.loss)}${rest}` } }
  })
  return { ...report, decisions }
}

function reasonOf({ tensors, chosen, choices }: SearchGroup, total: number): string {
  const own = choices.find(({ what }) => what === chosen)
  if (own === undefined) return 'chosen by the search'
  const share = total > 0 ? `, ${percent(own.loss / total)} of all` : ''
  const together = tensors.length > 1 ? ` (decided with ${tensors.length - 1} more that read the same)` : ''
  const better = choices
    .filter(({ bytes, loss }) => bytes > own.bytes && loss < own.loss)
    .sort((a, b) => (a.loss - own.loss) / (a.bytes - own.bytes) - (b.loss - own.loss) / (b.bytes - own.bytes))[0]
  const next =
    better === undefined
      ? ''
      : `; ${better.what} would lose ${short(better.loss)} for ${better.bytes - own.bytes} bytes more`
  return `search: ${chosen} loses ${short(own.loss)}${share}${together}${next}`
}

const short = (value: number): string => String(Number(value.toPrecision(3)))
const percent = (share: number): string => `${short(100 * share)} %`
