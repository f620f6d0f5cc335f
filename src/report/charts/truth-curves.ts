import type { TruthFigures } from '../../model/truth.ts'
import { html, type Markup, raw } from '../page/html.ts'
import { axes, CHART_STYLE, drawing, FRAME, type Frame, horizontal, path, vertical } from './axes.ts'

const SMALL: Frame = { ...FRAME, height: 210 }

/** Small drawings: how the divergence is spread, where in a line it is, what becomes of the right token; or of each embedding. */
export function truthCurves({ language, embeddings }: TruthFigures): Markup {
  const charts: Markup[] = []
  if (language !== undefined) {
    const { kl, byPlace, change } = language.curves
    const upTo99 = kl.filter(({ share }) => share <= 0.99)
    charts.push(
      chart(
        'KL, token by token',
        'the share of tokens whose divergence is below; the last hundredth is left out',
        curve(upTo99, 'divergence'),
      ),
      chart('KL by place in the line', 'a mean that grows along the line says that errors pile up', steps(byPlace)),
    )
    const middle = change.filter(({ share }) => share >= 0.01 && share <= 0.99)
    if (middle.length > 1)
      charts.push(
        chart(
          "change of the right token's probability",
          'below zero: tokens that became less likely',
          curve(middle, 'change'),
        ),
      )
  }
  if (embeddings !== undefined && embeddings.curve.length > 1)
    charts.push(chart('cosine of each embedding to float', 'least first', curve(embeddings.curve, 'cosine')))
  if (charts.length === 0) return html``
  return html`<style>${raw(CHART_STYLE)}</style><div class="pair">${charts}</div>`
}

const chart = (title: string, about: string, drawn: Markup): Markup =>
  html`<div><h3>${title}</h3><p class="sub">${about}</p>${drawn}</div>`

function curve(points: readonly { readonly share: number; readonly value: number }[], name: string): Markup {
  const values = points.map(({ value }) => value)
  const x = horizontal(SMALL, 0, 100)
  const y = vertical(SMALL, Math.min(...values), Math.max(...values))
  const shares = points.map(({ share }) => share * 100)
  return drawing(SMALL, `${name} by share`, [
    axes(SMALL, x, y, { x: '% of all', y: name }),
    html`<path class="line s0" d="${path(shares, values, x, y)}"/>`,
  ])
}

function steps(places: readonly { readonly from: number; readonly to: number; readonly kl: number }[]): Markup {
  const values = places.map(({ kl }) => kl)
  const x = horizontal(SMALL, places[0]?.from ?? 0, (places.at(-1)?.to ?? 0) + 1)
  const y = vertical(SMALL, 0, Math.max(...values, 0) * 1.05)
  const [last] = values.slice(-1)
  const across = [...places.map(({ from }) => from), (places.at(-1)?.to ?? 0) + 1]
  const up = [...values, last ?? 0]
  // Horizontal first: each value holds until the next place.
  const moved = across.map((at, i) => ({ at, kl: up[Math.max(0, i - 1)] ?? 0 }))
  return drawing(SMALL, 'divergence by place', [
    axes(SMALL, x, y, { x: 'token of the line', y: 'mean KL' }),
    html`<path class="line s0" d="${path(
      moved.map(({ at }) => at),
      moved.map(({ kl }) => kl),
      x,
      y,
      true,
    )}"/>`,
  ])
}
