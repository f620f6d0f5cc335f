import type { DecisionFact } from '../../model/report.ts'
import { html, json, type Markup, raw } from '../page/html.ts'
import { printable } from '../printable.ts'
import { UPLOT_CSS, UPLOT_JS } from './uplot-inline.ts'

const SHADES = 8
const MOST_POINTS = 20_000

/** A point a tensor, one colour a scheme, drawn by uPlot in the page; nothing when no error was measured. */
export function weightError(decisions: readonly DecisionFact[]): Markup {
  const known = decisions.filter(({ sqnrDb }) => sqnrDb !== undefined && Number.isFinite(sqnrDb)).slice(0, MOST_POINTS)
  if (known.length === 0) return html``
  const schemes = [...new Set(known.map(({ scheme, action }) => scheme ?? action))].sort()
  const series = schemes.map((label, index) => ({
    label: printable(label, 60),
    shade: Math.min(index, SHADES - 1),
    values: known.map((decision) => ((decision.scheme ?? decision.action) === label ? decision.sqnrDb! : null)),
  }))
  const legend = series.map(({ label, shade }) => html`<span><i class="f${shade}"></i>${label}</span>`)
  return html`<style>${raw(UPLOT_CSS)}</style>
<div class="chart" id="weight-error"></div><div class="legend">${legend}</div>
<noscript><p class="sub">The chart needs scripts; the table below holds the same figures.</p></noscript>
<script type="application/json" id="weight-error-data">${json({ names: known.map(({ tensor }) => printable(tensor)), series })}</script>
<script>${raw(UPLOT_JS.replace(/<\/script/gi, '<\\/script'))}</script>`
}
