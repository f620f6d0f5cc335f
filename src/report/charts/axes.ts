import { html, type Markup } from '../page/html.ts'

/** A drawing's own rules, in the colours of the page it stands on. */
export const CHART_STYLE = `
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 6px 26px; margin-top: 6px }
.pair > :only-child { max-width: 560px }
.pair h3 { margin: 14px 0 0; color: var(--ink) } .pair .sub { font-size: 13px; margin-bottom: 4px }
svg .rule { stroke: var(--line); stroke-width: 1; fill: none } svg .zero { stroke: var(--soft); stroke-width: 1 }
svg .s0 { stroke: var(--c0) } svg .s1 { stroke: var(--c1) } svg .s2 { stroke: var(--c2) } svg .s3 { stroke: var(--c3) } svg .s4 { stroke: var(--c4) } svg .s7 { stroke: var(--c7) }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round } svg .thin { stroke-width: 1.25 } svg .mark { stroke: var(--ink); stroke-width: 2 }
`

/** Drawing area of a chart, in units of its view box, with room for axes at the left and below. */
export interface Frame {
  readonly width: number
  readonly height: number
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

export const FRAME: Frame = { width: 540, height: 250, left: 52, right: 12, top: 10, bottom: 40 }

/** From values to places. */
export interface Scale {
  readonly low: number
  readonly high: number
  at(value: number): number
}

export function horizontal({ width, left, right }: Frame, low: number, high: number): Scale {
  const span = high > low ? high - low : 1
  return { low, high, at: (value) => left + ((value - low) / span) * (width - left - right) }
}

export function vertical({ height, top, bottom }: Frame, low: number, high: number): Scale {
  const span = high > low ? high - low : 1
  return { low, high, at: (value) => height - bottom - ((value - low) / span) * (height - top - bottom) }
}

/** Round numbers (1, 2 or 5 times a power of ten) within [low, high], about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  if (!(high > low)) return [low]
  const rough = (high - low) / wanted
  let unit = 1
  while (unit > rough) unit /= 10
  while (unit * 10 <= rough) unit *= 10
  const step = unit * (rough / unit > 5 ? 10 : rough / unit > 2.5 ? 5 : rough / unit > 1 ? 2 : 1)
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** Six digits are finer than any screen. */
export const place = (value: number): string => String(Number(value.toFixed(2)))

/** Rules, numbers and names of both axes. */
export function axes(frame: Frame, x: Scale, y: Scale, names: { readonly x: string; readonly y: string }): Markup {
  const { width, height, left, right, top, bottom } = frame
  const across = ticks(x.low, x.high, 6).map(
    (tick) =>
      html`<line class="rule" x1="${place(x.at(tick))}" x2="${place(x.at(tick))}" y1="${top}" y2="${height - bottom + 4}"/><text class="dim" x="${place(x.at(tick))}" y="${height - bottom + 17}" text-anchor="middle">${tick}</text>`,
  )
  const up = ticks(y.low, y.high, 4).map(
    (tick) =>
      html`<line class="rule" x1="${left}" x2="${width - right}" y1="${place(y.at(tick))}" y2="${place(y.at(tick))}"/><text class="dim" x="${left - 7}" y="${place(y.at(tick) + 4)}" text-anchor="end">${tick}</text>`,
  )
  const middle = (left + width - right) / 2
  const half = (top + height - bottom) / 2
  return html`${across}${up}<text class="dim" x="${place(middle)}" y="${height - 5}" text-anchor="middle">${names.x}</text><text class="dim" transform="translate(11 ${place(half)}) rotate(-90)" text-anchor="middle">${names.y}</text>`
}

/** A drawing that says what it is to those who do not see it. */
export const drawing = (frame: Frame, label: string, content: readonly Markup[]): Markup =>
  html`<svg viewBox="0 0 ${frame.width} ${frame.height}" role="img" aria-label="${label}">${content}</svg>`

/** `M x y H x V y ...` for steps, `L` for lines. */
export function path(xs: readonly number[], ys: readonly number[], x: Scale, y: Scale, steps = false): string {
  let text = ''
  for (const [index, value] of xs.entries()) {
    const [across, up] = [place(x.at(value)), place(y.at(ys[index] as number))]
    text += index === 0 ? `M${across} ${up}` : steps ? `H${across}V${up}` : `L${across} ${up}`
  }
  return text
}
