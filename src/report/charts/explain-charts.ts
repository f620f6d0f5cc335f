import type { Explanation, Histogram } from '../../model/explanation.ts'
import { type ExplainWords, filled } from '../explain-words.ts'
import { numberText } from '../figures.ts'
import { html, type Markup } from '../page/html.ts'
import { axes, drawing, FRAME, horizontal, path, place, vertical } from './axes.ts'

/** Levels that are drawn as ticks below a histogram. */
const MOST_TICKS = 64

/** How often each size occurs, with the levels below. */
export function valuesChart({ pictures, levels, source }: Explanation, words: ExplainWords): Markup {
  const { low, width, counts } = pictures.values
  const share = (count: number) => (100 * count) / Math.max(1, source.count)
  const x = horizontal(FRAME, low, low + width * counts.length)
  const y = vertical(FRAME, 0, Math.max(...counts.map(share)) * 1.05)
  const bars = counts.map((count, bin) => {
    const [from, to] = [x.at(low + bin * width), x.at(low + (bin + 1) * width)]
    const top = y.at(share(count))
    return html`<rect class="f0" x="${place(from + 0.5)}" y="${place(top)}" width="${place(Math.max(0.5, to - from - 1))}" height="${place(y.at(0) - top)}"><title>${numberText(low + bin * width)} .. ${numberText(low + (bin + 1) * width)}: ${count}</title></rect>`
  })
  const marks =
    levels.count > MOST_TICKS
      ? []
      : levels.points.map(
          (point) =>
            html`<line class="line s1" x1="${place(x.at(point))}" x2="${place(x.at(point))}" y1="${place(y.at(0) - 5)}" y2="${place(y.at(0) + 5)}"/>`,
        )
  const names = { x: words.columns.value, y: `${words.charts.share}, %` }
  return drawing(FRAME, words.charts.values, [axes(FRAME, x, y, names), ...bars, ...marks])
}

/** Value in, restored value out; the diagonal is what no rounding would give. */
export function stairsChart({ pictures }: Explanation, words: ExplainWords): Markup {
  const { value, decoded } = pictures.stairs
  const [low, high] = [value[0] as number, value.at(-1) as number]
  const all = [low, high, ...decoded]
  const x = horizontal(FRAME, low, high)
  const y = vertical(FRAME, Math.min(...all), Math.max(...all))
  return drawing(FRAME, words.charts.stairs, [
    axes(FRAME, x, y, { x: words.columns.value, y: words.columns.decoded }),
    html`<path class="line thin s7" stroke-dasharray="4 4" d="${path([low, high], [low, high], x, y)}"/>`,
    html`<path class="line s0" d="${path(value, decoded, x, y, true)}"/>`,
  ])
}

/** value - restored over the same part, in steps. */
export function curveChart({ pictures, levels }: Explanation, words: ExplainWords): Markup {
  const { value, decoded } = pictures.stairs
  const unit = levels.step > 0 ? levels.step : 1
  const errors = value.map((each, i) => (each - (decoded[i] as number)) / unit)
  const reach = Math.max(0.6, ...errors.map(Math.abs))
  const x = horizontal(FRAME, value[0] as number, value.at(-1) as number)
  const y = vertical(FRAME, -reach, reach)
  return drawing(FRAME, words.charts.curve, [
    axes(FRAME, x, y, { x: words.columns.value, y: `${words.columns.error}, ${words.charts.inSteps}` }),
    html`<line class="zero" x1="${FRAME.left}" x2="${FRAME.width - FRAME.right}" y1="${place(y.at(0))}" y2="${place(y.at(0))}"/>`,
    html`<path class="line s1" d="${path(value, errors, x, y)}"/>`,
  ])
}

/** What the article's formulas make of the range; nothing where they divide by 0. */
export function articleChart({ article }: Explanation, words: ExplainWords): Markup {
  if (article === undefined) return html``
  const { value, restored } = article.curve
  const [low, high] = [value[0] as number, value.at(-1) as number]
  const x = horizontal(FRAME, low, high)
  const y = vertical(FRAME, Math.min(low, ...restored), Math.max(high, ...restored))
  return drawing(FRAME, words.charts.article, [
    axes(FRAME, x, y, { x: words.columns.value, y: words.article.restored }),
    html`<path class="line thin s7" stroke-dasharray="4 4" d="${path([low, high], [low, high], x, y)}"/>`,
    html`<path class="line s4" d="${path(value, restored, x, y, true)}"/>`,
  ])
}

/** Errors before and after, as outlines of histograms. */
export function errorsChart({ pictures, levels }: Explanation, words: ExplainWords): Markup {
  const { plain, compensated, corrected, compensation, correction } = pictures.errors
  const unit = levels.step > 0 ? levels.step : 1
  const outlines = [
    { histogram: plain, shade: 7, label: words.charts.plain },
    {
      histogram: compensated,
      shade: 0,
      label: filled(words.charts.compensated, { kind: words.compensation.kind[compensation] }),
    },
    {
      histogram: corrected,
      shade: 1,
      label: filled(words.charts.corrected, { kind: words.correction.kind[correction] }),
    },
  ]
  const shares = outlines.map(({ histogram }) => shareOf(histogram))
  const x = horizontal(FRAME, plain.low / unit, (plain.low + plain.width * plain.counts.length) / unit)
  const y = vertical(FRAME, 0, Math.max(1, ...shares.flat()) * 1.05)
  const lines = outlines.map(({ histogram, shade }, index) => {
    const edges = histogram.counts.map((_, bin) => (histogram.low + bin * histogram.width) / unit)
    return html`<path class="line ${shade === 7 ? 'thin ' : ''}s${shade}" d="${path(edges, shares[index] as number[], x, y, true)}"/>`
  })
  const legend = outlines.map(({ shade, label }) => html`<span><i class="f${shade}"></i>${label}</span>`)
  const names = { x: `${words.columns.error}, ${words.charts.inSteps}`, y: `${words.charts.share}, %` }
  return html`${drawing(FRAME, words.charts.errors, [axes(FRAME, x, y, names), ...lines])}<div class="legend">${legend}</div>`
}

function shareOf({ counts }: Histogram): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => (100 * count) / Math.max(1, total))
}

/** The sum of errors up to each value, plain and with feedback. */
export function runningChart({ pictures, levels }: Explanation, words: ExplainWords): Markup {
  const unit = levels.step > 0 ? levels.step : 1
  const { plain, feedback } = pictures.running
  const lines = [plain, feedback].map((sums) => sums.map((sum) => sum / unit))
  const all = lines.flat()
  const x = horizontal(FRAME, 1, Math.max(2, plain.length))
  const y = vertical(FRAME, Math.min(-1, ...all), Math.max(1, ...all))
  const at = plain.map((_, index) => index + 1)
  const names = { x: words.charts.nth, y: words.charts.inSteps }
  const legend = [
    html`<span><i class="f7"></i>${words.compensation.kind.none}</span>`,
    html`<span><i class="f0"></i>${words.compensation.kind.feedback}</span>`,
  ]
  return html`${drawing(FRAME, words.charts.running, [
    axes(FRAME, x, y, names),
    html`<line class="zero" x1="${FRAME.left}" x2="${FRAME.width - FRAME.right}" y1="${place(y.at(0))}" y2="${place(y.at(0))}"/>`,
    html`<path class="line thin s7" d="${path(at, lines[0] as number[], x, y)}"/>`,
    html`<path class="line thin s0" d="${path(at, lines[1] as number[], x, y)}"/>`,
  ])}<div class="legend">${legend}</div>`
}
