import type { Report } from '../../model/report.ts'
import { singleNodes } from '../single-nodes.ts'
import { html, type Markup } from './html.ts'

/** Nodes of an fp16 result that go on computing in f32, by reason. */
export function singleTable(report: Report): Markup {
  const groups = singleNodes(report)
  if (groups.length === 0) return html``
  return html`<div class="wide"><table><thead><tr><th>reason</th><th class="r">nodes</th><th>operators</th><th>in words</th><th>such as</th></tr></thead><tbody>${groups.map(
    ({ code, count, operators, text, example }) =>
      html`<tr><td><span class="chip">${code}</span></td><td class="r">${count}</td><td>${operators.join(' ')}</td><td>${text}</td><td class="mono">${example}</td></tr>`,
  )}</tbody></table></div>`
}
