import type { LayerFacts, ProductFacts, ValueFacts } from '../model/layer-facts.ts'

/** Growth of a range by the last samples that is worth a word. */
const MUCH = 0.1
/** Stands for no error at all. */
const EXACT = 999

export function productsOf(layers: readonly LayerFacts[]): readonly ProductFacts[] {
  return layers.filter((one) => one.kind === 'product')
}

export function valuesOf(layers: readonly LayerFacts[]): readonly ValueFacts[] {
  return layers.filter((one) => one.kind === 'value')
}

/** The most error first; those without a figure last, in their order. */
export function worstFirst<T extends LayerFacts>(layers: readonly T[]): readonly T[] {
  const place = ({ accumulatedDb }: T) => accumulatedDb ?? Number.POSITIVE_INFINITY
  return layers
    .map((layer, index) => ({ layer, index }))
    .sort((a, b) => (place(a.layer) < place(b.layer) ? -1 : place(a.layer) > place(b.layer) ? 1 : a.index - b.index))
    .map(({ layer }) => layer)
}

/** `31.4 dB`; `exact` for none at all. */
export function errorText(db: number | undefined): string {
  if (db === undefined) return ''
  return db >= EXACT ? 'exact' : `${db.toFixed(1)} dB`
}

/** A share as percent with as many digits as matter: 0, 0.004 %, 1.3 %. */
export function smallShare(share: number): string {
  const percent = 100 * share
  if (percent === 0) return '0'
  if (percent < 0.001) return '< 0.001 %'
  return `${percent < 0.1 ? percent.toFixed(3) : percent < 10 ? percent.toFixed(2) : percent.toFixed(1)} %`
}

export const clippedOf = ({ below, above }: ValueFacts): number => below + above

/** Did ranges still grow at the end of the data. */
export function coverageText(layers: readonly LayerFacts[]): string | undefined {
  const values = valuesOf(layers)
  if (values.length === 0) return undefined
  const grown = values.filter(({ growth }) => growth > MUCH).sort((a, b) => b.growth - a.growth)
  const [most] = grown
  const all = `${values.length} ranges`
  if (most === undefined) return `${all}; the last samples widened none by more than a tenth`
  return `${all}; the last samples widened ${grown.length} by more than a tenth, "${most.value}" by ${smallShare(most.growth)}: more data would help`
}
