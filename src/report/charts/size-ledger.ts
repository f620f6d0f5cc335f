import type { DecisionFact } from '../../model/report.ts'
import { bytesText } from '../figures.ts'
import { html, type Markup } from '../page/html.ts'
import { shorten } from '../printable.ts'

const SHADES = 7
const WIDTH = 1080

interface Slice {
  readonly label: string
  readonly before: number
  readonly after: number
  readonly shade: number
}

/** Bytes by operator as two stacked bars on one scale, with a legend: where the file was large, and what is left of it. */
export function operatorBars(decisions: readonly DecisionFact[], totalBefore: number, totalAfter: number): Markup {
  const slices = slicesOf(decisions, totalBefore, totalAfter)
  const widest = (pick: 'before' | 'after') => slices.reduce((sum, slice) => sum + slice[pick], 0)
  const scale = WIDTH / Math.max(1, widest('before'), widest('after'))
  const bar = (y: number, label: string, total: number, pick: (slice: Slice) => number) => {
    let x = 0
    const parts = slices.map((slice) => {
      const width = pick(slice) * scale
      const part = html`<rect class="f${slice.shade}" x="${x.toFixed(2)}" y="${y + 20}" width="${Math.max(0, width - 1).toFixed(2)}" height="26" rx="2"><title>${slice.label}: ${bytesText(pick(slice))}</title></rect>`
      x += width
      return part
    })
    return html`<text class="dim" x="0" y="${y + 13}">${label}</text><text x="52" y="${y + 13}" font-weight="600">${bytesText(total)}</text>${parts}`
  }
  const legend = slices.map(
    (slice) =>
      html`<span><i class="f${slice.shade}"></i>${slice.label} ${bytesText(slice.before)} → ${bytesText(slice.after)}</span>`,
  )
  return html`<div class="wide"><svg viewBox="0 0 ${WIDTH} 116" role="img" aria-label="Bytes by operator before and after">
${bar(0, 'before', totalBefore, ({ before }) => before)}
${bar(62, 'after', totalAfter, ({ after }) => after)}
</svg></div><div class="legend">${legend}</div>`
}

function slicesOf(decisions: readonly DecisionFact[], totalBefore: number, totalAfter: number): Slice[] {
  const sums = new Map<string, { before: number; after: number }>()
  for (const { op, bytesBefore, bytesAfter } of decisions) {
    const sum = sums.get(op) ?? { before: 0, after: 0 }
    sum.before += bytesBefore
    sum.after += bytesAfter
    sums.set(op, sum)
  }
  const sorted = [...sums].sort(([, a], [, b]) => b.before - a.before)
  const named = sorted.slice(0, SHADES).map(([op, sum], shade) => ({ label: op === '' ? 'unused' : op, ...sum, shade }))
  const rest = (total: number, pick: 'before' | 'after') =>
    Math.max(0, total - named.reduce((sum, slice) => sum + slice[pick], 0))
  const others = {
    label: 'graph and others',
    before: rest(totalBefore, 'before'),
    after: rest(totalAfter, 'after'),
    shade: SHADES,
  }
  return others.before + others.after > 0 ? [...named, others] : named
}

/** The largest tensors, one row each: a pale bar for the bytes before, a strong one in it for the bytes after. */
export function tensorBars(decisions: readonly DecisionFact[], most = 16): Markup {
  const sorted = [...decisions].sort((a, b) => b.bytesBefore - a.bytesBefore)
  const top = sorted[0]?.bytesBefore ?? 0
  // A bar below a pixel says nothing; a few rows stay in any case.
  const largest = sorted.filter(({ bytesBefore }, row) => row < 4 || bytesBefore * 400 >= top).slice(0, most)
  if (top === 0) return html``
  const left = 330
  const room = WIDTH - left - 170
  const rows = largest.map((decision, row) => {
    const y = row * 24
    const width = (bytes: number) => Math.max(1, (bytes / top) * room).toFixed(2)
    return html`<g><title>${decision.tensor}: ${decision.because.text}</title>
<text x="0" y="${y + 15}">${shorten(decision.tensor, 46)}</text>
<rect class="before" x="${left}" y="${y + 4}" width="${width(decision.bytesBefore)}" height="14" rx="2"/>
<rect class="${decision.action === 'keep' ? 'kept' : 'after'}" x="${left}" y="${y + 4}" width="${width(decision.bytesAfter)}" height="14" rx="2"/>
<text class="dim" x="${WIDTH}" y="${y + 15}" text-anchor="end">${bytesText(decision.bytesBefore)} → ${bytesText(decision.bytesAfter)}</text></g>`
  })
  return html`<div class="wide"><svg viewBox="0 0 ${WIDTH} ${largest.length * 24}" role="img" aria-label="Largest tensors before and after">${rows}</svg></div>`
}
