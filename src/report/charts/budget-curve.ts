import type { SearchFacts } from '../../model/search-facts.ts'
import { bytesText, numberText } from '../figures.ts'
import { html, type Markup } from '../page/html.ts'
import { printable, shorten } from '../printable.ts'
import { chosenOf } from '../search-to-terminal.ts'
import { axes, CHART_STYLE, drawing, FRAME, horizontal, path, place, vertical } from './axes.ts'

const MOST_GROUPS = 400

/** Loss over bytes of the whole file, loss by powers of ten, with a mark at the chosen point. */
export function budgetCurve({ curve, loss, budget, metric }: SearchFacts): Markup {
  const points = curve.filter((point) => point.loss > 0)
  if (points.length < 2) return html``
  const powers = points.map((point) => Math.log10(point.loss))
  const x = horizontal(FRAME, (points[0]?.bytes ?? 0) / 1e6, (points.at(-1)?.bytes ?? 1) / 1e6)
  const y = vertical(FRAME, Math.min(...powers), Math.max(...powers))
  const line = html`<path class="line s0" d="${path(
    points.map(({ bytes }) => bytes / 1e6),
    powers,
    x,
    y,
  )}"/>`
  const at = points.filter((point) => point.loss >= loss).at(-1) ?? points[0]
  const marks =
    at === undefined
      ? []
      : [
          html`<circle class="s1" fill="none" stroke-width="2" cx="${place(x.at(at.bytes / 1e6))}" cy="${place(y.at(Math.log10(at.loss)))}" r="5"><title>${bytesText(at.bytes)}: ${numberText(at.loss)}</title></circle>`,
        ]
  const asked = budget === undefined ? '' : `, ${bytesText(budget)} were asked for`
  return html`<style>${{ markup: CHART_STYLE }}</style><div class="pair"><div>${drawing(
    FRAME,
    `Loss over bytes${asked}`,
    [axes(FRAME, x, y, { x: 'MB of the file', y: `${metric}, power of ten` }), line, ...marks],
  )}</div></div>`
}

/** Every group with what it became, the most loss first, and what it would lose at other widths. */
export function groupTable({ groups, loss }: SearchFacts): Markup {
  const rows = groups
    .map((group) => ({ group, own: chosenOf(group) }))
    .sort((a, b) => b.own.loss - a.own.loss)
    .slice(0, MOST_GROUPS)
    .map(({ group, own }) => {
      const others = group.choices.map(
        ({ what, bytes, loss: lost }) => `${what}: ${bytesText(bytes)}, ${numberText(lost)}`,
      )
      const share = loss > 0 ? `${((100 * own.loss) / loss).toFixed(1)} %` : ''
      return html`<tr title="${others.join('\n')}"><td class="mono">${shorten(group.tensors[0] ?? '', 60)}${group.tensors.length > 1 ? ` and ${group.tensors.length - 1} more` : ''}</td><td>${printable(group.chosen, 40)}</td><td class="num">${bytesText(own.bytes)}</td><td class="num">${numberText(own.loss)}</td><td class="num">${share}</td></tr>`
    })
  return html`<div class="wide"><table><thead><tr><th>tensors</th><th>became</th><th class="num">bytes</th><th class="num">loss</th><th class="num">of all</th></tr></thead><tbody>${rows}</tbody></table></div>`
}
