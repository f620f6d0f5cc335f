import type { LayerFacts } from '../model/layer-facts.ts'
import { numberText } from './figures.ts'
import { clippedOf, coverageText, errorText, productsOf, smallShare, valuesOf, worstFirst } from './layer-words.ts'
import { printable, shorten } from './printable.ts'
import { type Paint, textTable } from './text-table.ts'

const WORST = 5

/** Static quantization: the layers where most error has piled up, whether the data cover the ranges; `verbose`: every range. */
export function layersToTerminal(layers: readonly LayerFacts[] = [], paint: Paint, verbose: boolean): string[] {
  const products = productsOf(layers)
  const measured = products.filter(({ accumulatedDb }) => accumulatedDb !== undefined)
  const values = new Map(valuesOf(layers).map((one) => [one.value, one]))
  const rows = worstFirst(measured)
    .slice(0, verbose ? measured.length : WORST)
    .map(({ label, op, form, weight, fewBits, reads, accumulatedDb }) => {
      const inputs = reads.flatMap((name) => values.get(name) ?? [])
      const clipped = Math.max(0, ...inputs.map(clippedOf))
      return [
        paint.name(shorten(label, 48)),
        `${printable(op, 20)} ${printable(form, 20)}`,
        errorText(accumulatedDb),
        errorText((weight ?? fewBits)?.sqnrDb),
        inputs.length === 0 ? '' : errorText(Math.min(...inputs.map(({ errorDb }) => errorDb))),
        inputs.length === 0 ? '' : smallShare(clipped),
      ]
    })
  const head = ['', '', 'so far', 'weight', 'input', 'clipped']
  const table = rows.length === 0 ? [] : textTable([head, ...rows], 'llrrrr')
  const coverage = coverageText(layers)
  return [
    ...(table.length === 0 ? [] : [paint.bold('error layer by layer, the worst first')]),
    ...table.map((line, index) => (index === 0 ? paint.dim(line) : line)),
    ...(coverage === undefined ? [] : [`ranges    ${printable(coverage, 300)}`]),
    ...(verbose ? everyRange(layers, paint) : []),
  ]
}

function everyRange(layers: readonly LayerFacts[], paint: Paint): string[] {
  const rows = valuesOf(layers).map((one) => [
    paint.name(shorten(one.value, 48)),
    printable(one.because.code, 20),
    `${numberText(one.low)} .. ${numberText(one.high)}`,
    `${numberText(one.min)} .. ${numberText(one.max)}`,
    smallShare(clippedOf(one)),
    errorText(one.errorDb),
    printable(one.observer, 20),
  ])
  if (rows.length === 0) return []
  const [head = '', ...lines] = textTable([['', '', 'range', 'seen', 'clipped', 'error', ''], ...rows], 'llrrrrl')
  return ['', paint.bold('every range'), paint.dim(head), ...lines]
}
