import type { LayerFacts, ProductFacts, ValueFacts } from '../../model/layer-facts.ts'
import { CHART_STYLE } from '../charts/axes.ts'
import { errorPath } from '../charts/error-path.ts'
import { rangeCaption, rangeHistogram } from '../charts/range-histogram.ts'
import { countText, shapeText } from '../figures.ts'
import { clippedOf, coverageText, errorText, productsOf, smallShare, valuesOf, worstFirst } from '../layer-words.ts'
import { shorten } from '../printable.ts'
import { facts, section } from './frame.ts'
import { html, type Markup, raw } from './html.ts'

/** More than this make a page that no browser scrolls; the worst stay. */
const MOST_ROWS = 1500
/** Values of a layer that are drawn. */
const MOST_DRAWN = 3

const LAYER_STYLE = `
.layers { margin-top: 10px } .coverage { font-size: 13.5px; margin-top: 6px }
.layers .row { display: grid; grid-template-columns: minmax(150px, 2.6fr) minmax(88px, 1.1fr) repeat(5, minmax(64px, 1fr)) minmax(76px, 1fr); gap: 0 12px; align-items: baseline; font-size: 13.5px; font-variant-numeric: tabular-nums }
.layers .head { color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); padding: 5px 0 5px 18px }
.layers .row > :nth-child(n+3) { text-align: right }
.layers details { border-bottom: 1px solid var(--line) }
.layers details:last-child { border-bottom: 0 }
.layers summary { cursor: pointer; padding: 5px 0; list-style: none; display: flex; gap: 6px; align-items: baseline }
.layers summary::-webkit-details-marker { display: none }
.layers summary::before { content: "▸"; color: var(--soft); width: 12px; flex: none; font-size: 11px }
.layers details[open] > summary::before { content: "▾" }
.layers summary:hover, .layers summary:focus-visible { background: var(--wash) }
.layers summary > .row { flex: 1; min-width: 0 }
.layers .name { overflow-wrap: anywhere }
.layers .bar { display: block; height: 4px; border-radius: 2px; background: var(--wash); margin-top: 2px; overflow: hidden }
.layers .bar i { display: block; height: 100%; background: var(--c0) } .layers .bar i.low { background: var(--bad) } .layers .bar i.mid { background: var(--c1) }
.layers .open { padding: 4px 0 16px 18px; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 10px 28px }
.layers .open h4 { margin: 6px 0 0; font-size: 13px; font-weight: 600; overflow-wrap: anywhere }
.layers .open .sub { font-size: 12.5px }
.layers [data-head] .k { display: none }
svg .outside { fill: var(--bad-wash) } svg .hist { opacity: .85 } svg text.edge { fill: var(--c1); font-weight: 600 }
.layers.scroll { max-height: 640px; overflow: auto; border-top: 1px solid var(--line) }
.layers .head { position: sticky; top: 0; background: var(--card); z-index: 1 }
@media (max-width: 900px) {
  .layers .head { display: none }
  .layers .row { grid-template-columns: 1fr 1fr; gap: 1px 12px; padding: 3px 0 }
  .layers .row > .name { grid-column: 1 / -1 }
  .layers .row > :nth-child(n+3) { text-align: left }
  .layers .row > [data-k]::before { content: attr(data-k) " "; color: var(--soft) }
  .layers .row > [data-k]:empty { display: none }
  .layers .open { padding-left: 0 }
}
`

/** Error layer by layer: where it piles up, and for each layer what was chosen and what it costs. Nothing without facts. */
export function layerSection(layers: readonly LayerFacts[] | undefined): Markup {
  if (layers === undefined || layers.length === 0) return html``
  const values = valuesOf(layers)
  const byName = new Map(values.map((one) => [one.value, one]))
  const read = new Set(productsOf(layers).flatMap(({ reads }) => reads))
  const shown = worstFirst(layers.filter((one) => one.kind === 'product' || !read.has(one.value)))
  const rows = shown
    .slice(0, MOST_ROWS)
    .map((one) => (one.kind === 'product' ? productRow(one, byName) : valueRow(one)))
  const cut =
    shown.length > MOST_ROWS
      ? html`<p class="sub">The ${MOST_ROWS} worst of ${shown.length}; the JSON holds all.</p>`
      : undefined
  const coverage = coverageText(layers)
  return section(
    'Layers',
    'Signal to noise against float, in decibels: higher is better. “So far” has everything before a layer quantized too, the rest is what the layer itself adds. Click a row to see its ranges.',
    html`<style>${raw(CHART_STYLE + LAYER_STYLE)}</style>`,
    errorPath(productsOf(layers)),
    formLegend(productsOf(layers)),
    coverage === undefined ? html`` : html`<p class="sub coverage">${coverage}.</p>`,
    html`${cut}<div class="layers scroll"><div class="row head"><span>layer</span><span>how</span><span>so far</span><span>weight</span><span>input</span><span>clipped</span><span title="error of the mean of each channel, without and with the correction of the bias">mean</span><span title="results that plain s8 weights would saturate on a CPU without VNNI">saturation</span></div>${rows}</div>`,
  )
}

/** What the two colours of the dots are, where there are two. */
function formLegend(products: readonly ProductFacts[]): Markup {
  const others = [...new Set(products.map(({ form }) => form).filter((form) => form !== 'qdq'))].sort()
  if (others.length === 0 || others.length === new Set(products.map(({ form }) => form)).size) return html``
  return html`<div class="legend"><span><i class="f0"></i>qdq</span><span><i class="f1"></i>${others.join(', ')}</span></div>`
}

function productRow(product: ProductFacts, values: ReadonlyMap<string, ValueFacts>): Markup {
  const { label, op, form, weight, fewBits, bias, accumulatedDb } = product
  const reads = [...new Set(product.reads)].flatMap((name) => values.get(name) ?? [])
  const input = reads.length === 0 ? undefined : Math.min(...reads.map(({ errorDb }) => errorDb))
  const clipped = reads.length === 0 ? undefined : Math.max(...reads.map(clippedOf))
  const cells = [
    soFar(accumulatedDb),
    cell('weight', errorText((weight ?? fewBits)?.sqnrDb)),
    cell('input', errorText(input)),
    cell('clipped', clipped === undefined ? '' : smallShare(clipped)),
    cell('mean', bias === undefined ? '' : smallShare(bias.after)),
    cell('saturation', weight === undefined || form !== 'qdq' ? '' : smallShare(weight.saturation.results)),
  ]
  const drawn = reads.slice(0, MOST_DRAWN).map(drawnRange)
  return row(
    label,
    html`${op} <span class="chip">${form}</span>`,
    cells,
    html`${drawn}<div>${productDetails(product)}</div>`,
  )
}

function productDetails({ weight, fewBits, bias, form, multiplyAdds, gives }: ProductFacts): Markup {
  return facts([
    [
      'weight',
      weight &&
        `${weight.name}, ${shapeText(weight.shape)}, ${weight.codes === 'u8' ? 'unsigned codes around 128' : 'signed codes'}`,
    ],
    [
      'weight of few bits',
      fewBits && `${fewBits.name}, ${shapeText(fewBits.shape)}, ${fewBits.scheme} by ${fewBits.solver}`,
    ],
    ['error of the weight', errorText((weight ?? fewBits)?.sqnrDb)],
    [
      'gain of its solver',
      fewBits?.left === undefined
        ? undefined
        : `${smallShare(fewBits.left)} of the error of nearest codes is left in what its group of layers gives`,
    ],
    [
      'worst pair',
      weight && form === 'qdq' && weight.worstPair > 0 ? `${weight.worstPair} (128 is safe without VNNI)` : undefined,
    ],
    ['saturation', weight && form === 'qdq' && weight.worstPair > 0 ? saturationText(weight.saturation) : undefined],
    [
      'mean error',
      bias &&
        (bias.corrected
          ? `${smallShare(bias.before)} without, ${smallShare(bias.after)} with the corrected bias`
          : `${smallShare(bias.after)}, bias not corrected`),
    ],
    ['multiply-adds', multiplyAdds === null ? undefined : countText(multiplyAdds, 'a run', 'a run')],
    ['gives', gives],
  ])
}

function saturationText({
  results,
  plainPairs,
  plainResults,
}: NonNullable<ProductFacts['weight']>['saturation']): string {
  return `${smallShare(results)} of results on a CPU without VNNI; plain s8 weights: ${smallShare(plainResults)}, ${smallShare(plainPairs)} of pairs`
}

function valueRow(value: ValueFacts): Markup {
  const cells = [
    soFar(value.accumulatedDb),
    cell('weight', ''),
    cell('rounding', errorText(value.errorDb)),
    cell('clipped', smallShare(clippedOf(value))),
    cell('mean', ''),
    cell('saturation', ''),
  ]
  return row(value.value, html`<span class="chip">${value.because.code}</span>`, cells, drawnRange(value))
}

function drawnRange(value: ValueFacts): Markup {
  const clipping = clippedOf(value) === 0 ? '' : `, clipping ${errorText(value.clippingDb)}`
  const parts = `rounding ${errorText(value.roundingDb)}${clipping}`
  return html`<div><h4>${value.value}</h4>${rangeHistogram(value)}<p class="sub">${rangeCaption(value)}; ${parts}</p></div>`
}

function row(name: string, how: Markup, cells: readonly Markup[], open: Markup): Markup {
  return html`<details><summary><span class="row"><span class="name mono" title="${name}">${shorten(name, 70)}</span><span>${how}</span>${cells}</span></summary><div class="open">${open}</div></details>`
}

const cell = (key: string, text: string): Markup => html`<span data-k="${key}">${text}</span>`

function soFar(db: number | undefined): Markup {
  if (db === undefined) return cell('so far', '')
  const width = Math.max(2, Math.min(100, (db / 50) * 100)).toFixed(0)
  const shade = db < 10 ? 'low' : db < 20 ? 'mid' : ''
  return html`<span data-k="so far">${errorText(db)}<span class="bar"><i class="${shade}" style="width:${width}%"></i></span></span>`
}
