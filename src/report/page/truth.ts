import type { TruthFigures } from '../../model/truth.ts'
import { truthCurves } from '../charts/truth-curves.ts'
import { truthAbout, truthRows } from '../truth-rows.ts'
import { section } from './frame.ts'
import { html, type Markup } from './html.ts'

/** Figures of language or embeddings with small drawings; nothing where there are none. `names`: of the two models. */
export function truthSection(truth: TruthFigures, names: readonly [string, string]): Markup {
  const rows = truthRows(truth).map(
    ([name, float, quantized, note]) =>
      html`<tr><td>${name}</td><td class="r">${float}</td><td class="r">${quantized}</td><td>${note}</td></tr>`,
  )
  if (rows.length === 0) return html``
  const title = truth.language === undefined ? (truth.embeddings === undefined ? 'Batches' : 'Embeddings') : 'Language'
  return section(
    title,
    truthAbout(truth) ?? '',
    html`<div class="wide"><table><thead><tr><th></th><th class="r">${names[0]}</th><th class="r">${names[1]}</th><th></th></tr></thead><tbody>${rows}</tbody></table></div>`,
    truthCurves(truth),
  )
}
