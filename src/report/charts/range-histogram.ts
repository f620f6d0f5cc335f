import type { ValueFacts } from '../../model/layer-facts.ts'
import { numberText } from '../figures.ts'
import { clippedOf, smallShare } from '../layer-words.ts'
import { html, type Markup } from '../page/html.ts'
import { drawing, type Frame, horizontal, place, ticks, vertical } from './axes.ts'

const SMALL: Frame = { width: 540, height: 172, left: 10, right: 10, top: 22, bottom: 24 }

/**
 * How often each size occurs, with the range that codes cover: what lies outside is clipped. Heights by the square root of the count, or
 * nothing but the peak would be seen; values that are exactly 0 are left out.
 */
export function rangeHistogram(facts: ValueFacts): Markup {
  const { histogram, low, high, min, max } = facts
  const { counts, width } = histogram
  const [from, to] = [Math.min(low, min, 0), Math.max(high, max, 0)]
  const margin = (to - from) * 0.02 || 1
  const x = horizontal(SMALL, from - margin, to + margin)
  const y = vertical(SMALL, 0, Math.sqrt(Math.max(1, ...counts)) * 1.04)
  const floor = SMALL.height - SMALL.bottom
  let outline = `M${place(x.at(histogram.low))} ${floor}`
  for (const [bar, count] of counts.entries())
    outline += `V${place(y.at(Math.sqrt(count)))}H${place(x.at(Math.min(histogram.low + (bar + 1) * width, Math.max(max, histogram.low + (bar + 0.25) * width))))}`
  const left = place(x.at(low))
  const right = place(x.at(high))
  const shade = (a: number, b: number) =>
    b > a
      ? html`<rect class="outside" x="${place(a)}" y="${SMALL.top}" width="${place(b - a)}" height="${floor - SMALL.top}"/>`
      : undefined
  const across = ticks(x.low, x.high, 6).map(
    (tick) =>
      html`<line class="rule" x1="${place(x.at(tick))}" x2="${place(x.at(tick))}" y1="${floor}" y2="${floor + 4}"/><text class="dim" x="${place(x.at(tick))}" y="${floor + 17}" text-anchor="middle">${tick}</text>`,
  )
  const edge = (at: string, value: number, anchor: string) =>
    html`<line class="line s1" x1="${at}" x2="${at}" y1="${SMALL.top - 4}" y2="${floor}"/><text class="edge" x="${at}" y="${SMALL.top - 8}" text-anchor="${anchor}">${numberText(value)}</text>`
  return drawing(SMALL, `range of ${facts.value}`, [
    shade(x.at(Math.min(min, low)), x.at(low)) ?? html``,
    shade(x.at(high), x.at(Math.max(max, high))) ?? html``,
    html`<path class="f0 hist" d="${outline}V${floor}Z"/>`,
    html`<line class="zero" x1="${SMALL.left}" x2="${SMALL.width - SMALL.right}" y1="${floor}" y2="${floor}"/>`,
    ...across,
    edge(left, low, x.at(low) < 60 ? 'start' : 'middle'),
    edge(right, high, x.at(high) > SMALL.width - 60 ? 'end' : 'middle'),
  ])
}

/** What the drawing cannot say. */
export function rangeCaption(facts: ValueFacts): string {
  const { observer, min, max, scale, zero, type, zeros } = facts
  const seen = `seen ${numberText(min)} to ${numberText(max)}`
  const clipped = clippedOf(facts)
  return [
    `${type}, step ${numberText(scale)}, zero at ${zero}`,
    seen,
    clipped === 0 ? 'nothing clipped' : `${smallShare(clipped)} clipped`,
    zeros > 0.0005 ? `${smallShare(zeros)} exactly 0, not drawn` : undefined,
    observer === '' ? undefined : `range by ${observer}`,
  ]
    .filter((one) => one !== undefined)
    .join('; ')
}
