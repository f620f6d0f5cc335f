import type { ProductFacts } from '../../model/layer-facts.ts'
import { errorText } from '../layer-words.ts'
import { html, type Markup } from '../page/html.ts'
import { axes, drawing, type Frame, horizontal, place, vertical } from './axes.ts'

const WIDE: Frame = { width: 1080, height: 250, left: 52, right: 14, top: 12, bottom: 40 }
/** Errors below this are not told apart. */
const MOST_DB = 80

/** Signal to noise of what each layer gives, in the order of the graph; nothing where it was not measured. */
export function errorPath(products: readonly ProductFacts[]): Markup {
  const known = products.filter(({ accumulatedDb }) => accumulatedDb !== undefined)
  if (known.length < 2) return html``
  const shown = known.map(({ accumulatedDb = 0 }) => Math.max(-10, Math.min(MOST_DB, accumulatedDb)))
  const x = horizontal(WIDE, 0.4, known.length + 0.6)
  const y = vertical(WIDE, Math.min(0, ...shown), Math.max(40, ...shown) + 2)
  const line = shown.map((db, i) => `${i === 0 ? 'M' : 'L'}${place(x.at(i + 1))} ${place(y.at(db))}`).join('')
  const dots = known.map(
    (product, i) =>
      html`<circle class="${product.form === 'qdq' ? 'f0' : 'f1'}" cx="${place(x.at(i + 1))}" cy="${place(y.at(shown[i]!))}" r="${known.length > 120 ? 2.4 : 4}"><title>${product.label}: ${errorText(product.accumulatedDb)}</title></circle>`,
  )
  const names = { x: 'layer, in the order of the graph', y: 'error so far, dB' }
  return html`<div class="wide">${drawing(WIDE, 'error along the graph', [
    axes(WIDE, x, y, names),
    html`<path class="line thin s7" d="${line}"/>`,
    ...dots,
  ])}</div>`
}
