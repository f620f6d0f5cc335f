import type { DecisionFact } from '../../model/report.ts'
import { bytesText, decibelText, shapeText } from '../figures.ts'
import { groupByReason } from '../reasons.ts'
import { html, type Markup } from './html.ts'

/** More rows than this make a page that no browser scrolls; the largest tensors stay. */
const MOST_ROWS = 4000

/** Every decision with its reason, the largest tensor first; sorted and filtered by the page's script. */
export function decisionsTable(decisions: readonly DecisionFact[]): Markup {
  const shown = [...decisions].sort((a, b) => b.bytesBefore - a.bytesBefore).slice(0, MOST_ROWS)
  const cut =
    shown.length < decisions.length
      ? html`<p class="sub">The ${MOST_ROWS} largest of ${decisions.length}; the JSON holds all.</p>`
      : undefined
  const actions = [...new Set(shown.map(({ action }) => action))].sort()
  return html`<div class="controls"><input id="filter" type="search" placeholder="filter: name, op, scheme, reason" aria-label="Filter decisions">
<select id="action" aria-label="Action"><option value="">all actions</option>${actions.map((action) => html`<option>${action}</option>`)}</select><output id="count"></output></div>${cut}
<div class="wide scroll"><table class="decisions"><thead><tr><th data-sort="text">tensor</th><th data-sort="text">op</th><th data-sort="text">shape</th><th data-sort="text">becomes</th><th data-sort="text">form</th><th class="r" data-sort="number">before</th><th class="r" data-sort="number">after</th><th class="r" data-sort="number">SQNR</th><th data-sort="text">because</th></tr></thead>
<tbody>${shown.map(rowOf)}</tbody></table></div>`
}

function rowOf(decision: DecisionFact): Markup {
  const { tensor, consumers, op, shape, action, scheme, lowering, solver, bytesBefore, bytesAfter, sqnrDb, because } =
    decision
  const form = html`${lowering?.replace('onnx/', '')}${solver === undefined ? undefined : html`<br>${solver}`}`
  const sqnr =
    sqnrDb === undefined
      ? html`<td class="r"></td>`
      : html`<td class="r" data-value="${Math.min(sqnrDb, 1e6)}">${decibelText(sqnrDb)}</td>`
  return html`<tr data-action="${action}"><td class="mono" title="${consumers.slice(0, 20).join(', ')}">${tensor}</td><td class="op">${op}</td><td class="mono shape">${shapeText(shape)}</td><td><span class="chip ${action}">${scheme ?? action}</span></td><td class="form">${form}</td><td class="r" data-value="${bytesBefore}">${bytesText(bytesBefore)}</td><td class="r" data-value="${bytesAfter}">${bytesText(bytesAfter)}</td>${sqnr}<td class="why">${because.text}</td></tr>`
}

/** What stayed as it was, grouped by reason. */
export function reasonTable(decisions: readonly DecisionFact[]): Markup {
  const groups = groupByReason(decisions.filter(({ action }) => action === 'keep'))
  if (groups.length === 0) return html``
  return html`<div class="wide"><table><thead><tr><th>reason</th><th class="r">tensors</th><th class="r">bytes</th><th>in words</th><th>such as</th></tr></thead><tbody>${groups.map(
    (group) =>
      html`<tr><td><span class="chip">${group.code}</span></td><td class="r">${group.tensors.length}</td><td class="r">${bytesText(group.bytesBefore)}</td><td>${group.text}</td><td class="mono">${group.tensors[0]!.tensor}</td></tr>`,
  )}</tbody></table></div>`
}
