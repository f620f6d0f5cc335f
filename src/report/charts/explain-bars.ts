import type { Explanation } from '../../model/explanation.ts'
import type { ExplainWords } from '../explain-words.ts'
import { numberText } from '../figures.ts'
import { html, type Markup } from '../page/html.ts'
import { place } from './axes.ts'

const WIDTH = 1080
const LABEL = 300
const ROOM = WIDTH - LABEL - 90

/** RMS errors of each compensation: single values, means over runs, means over tiles; in steps. */
export function compensationBars({ compensation, levels }: Explanation, words: ExplainWords): Markup {
  const unit = levels.step > 0 ? levels.step : 1
  const rows = compensation.map((row) => ({
    label: words.compensation.kind[row.kind],
    parts: [row.rms, row.runRms ?? 0, row.tileRms ?? 0].map((error) => error / unit),
  }))
  const most = Math.max(1e-9, ...rows.flatMap(({ parts }) => parts))
  const height = 42
  const bars = rows.map(({ label, parts }, index) => {
    const top = index * height
    const lines = parts.map(
      (part, at) =>
        html`<rect class="f${at}" x="${LABEL}" y="${top + 4 + at * 11}" width="${place(Math.max(1, (part / most) * ROOM))}" height="9" rx="1.5"/><text class="dim" x="${place(LABEL + Math.max(1, (part / most) * ROOM) + 7)}" y="${top + 12 + at * 11}" font-size="10.5">${numberText(Number(part.toPrecision(3)))}</text>`,
    )
    return html`<text x="0" y="${top + 23}">${label}</text>${lines}`
  })
  const { rms, runs, tiles } = words.compensation
  const legend = [rms, runs, tiles].map((label, at) => html`<span><i class="f${at}"></i>${label}</span>`)
  return html`<div class="wide"><svg viewBox="0 0 ${WIDTH} ${rows.length * height}" role="img" aria-label="${words.compensation.chart}">${bars}</svg></div><div class="legend">${legend}</div>`
}

/** Gain of each correction on values it has not seen, to the left where it loses, with the break-even of its bytes as a mark. */
export function correctionBars({ correction }: Explanation, words: ExplainWords): Markup {
  const shown = (value: number) => Math.max(-6, Math.min(12, value))
  const low = Math.min(0, ...correction.map(({ gainDb }) => shown(gainDb)))
  const high = Math.max(0.5, ...correction.flatMap(({ gainDb, breakEvenDb }) => [shown(gainDb), shown(breakEvenDb)]))
  const at = (value: number) => LABEL + 40 + ((shown(value) - low) / (high - low)) * (ROOM - 40)
  const height = 28
  const bars = correction.map((row, index) => {
    const top = index * height
    const [from, to] = row.gainDb < 0 ? [at(row.gainDb), at(0)] : [at(0), at(row.gainDb)]
    const text = `${row.gainDb > 0 ? '+' : ''}${row.gainDb.toFixed(2)} dB`
    return html`<text x="0" y="${top + 18}">${words.correction.kind[row.kind]}</text>
<rect class="${row.pays ? 'f2' : row.gainDb < 0 ? 'f4' : 'f7'}" x="${place(from)}" y="${top + 7}" width="${place(Math.max(1, to - from))}" height="14" rx="2"/>
<line class="mark" x1="${place(at(row.breakEvenDb))}" x2="${place(at(row.breakEvenDb))}" y1="${top + 4}" y2="${top + 24}"/>
<text class="dim" x="${WIDTH}" y="${top + 18}" text-anchor="end">${text}</text>`
  })
  const bottom = correction.length * height
  return html`<div class="wide"><svg viewBox="0 0 ${WIDTH} ${bottom}" role="img" aria-label="${words.correction.chart}"><line class="zero" x1="${place(at(0))}" x2="${place(at(0))}" y1="0" y2="${bottom}"/>${bars}</svg></div>`
}
