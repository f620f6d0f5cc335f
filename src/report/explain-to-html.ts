import type { Explanation } from '../model/explanation.ts'
import { CHART_STYLE } from './charts/axes.ts'
import { compensationBars, correctionBars } from './charts/explain-bars.ts'
import {
  articleChart,
  curveChart,
  errorsChart,
  runningChart,
  stairsChart,
  valuesChart,
} from './charts/explain-charts.ts'
import {
  articleText,
  compensationText,
  correctionText,
  dequantizeTexts,
  gainText,
  levelTexts,
  quantizeText,
  sourceText,
  stepsText,
  summaryText,
  warningTexts,
} from './explain-to-terminal.ts'
import { type ExplainWords, filled, type Language, wordsOf } from './explain-words.ts'
import { bytesText, decibelText, numberText, wholeText } from './figures.ts'
import { frame, section, tile, warningList } from './page/frame.ts'
import { html, type Markup, raw } from './page/html.ts'

/** The picture report of `explain`: one file, offline, light and dark, in the language asked for. */
export function explainToHtml(explanation: Explanation, language: Language = 'en'): string {
  const words = wordsOf(language)
  const { charts } = words
  const picture = (title: string, about: string, chart: Markup) =>
    html`<div><h3>${title}</h3><p class="sub">${about}</p>${chart}</div>`
  const body = [
    html`<style>${raw(CHART_STYLE)}</style>`,
    html`<header class="top"><h1>${words.title}</h1><p class="sub">${sourceText(explanation, words)}</p><p class="sub">${summaryText(explanation, words)}</p></header>`,
    banner(explanation, words),
    html`<div class="tiles">${tiles(explanation, words)}</div>`,
    section(words.warningTitle, '', warningList(warningTexts(explanation, words))),
    section(`1  ${words.levels.title}`, words.levels.about, lines(levelTexts(explanation, words))),
    section(`2  ${words.quantize.title}`, quantizeText(explanation, words), stageTable(explanation, words)),
    section(
      charts.title,
      '',
      html`<div class="pair">${[
        picture(charts.values, charts.valuesAbout, valuesChart(explanation, words)),
        picture(charts.stairs, charts.stairsAbout, stairsChart(explanation, words)),
        picture(charts.curve, charts.curveAbout, curveChart(explanation, words)),
        picture(charts.errors, charts.errorsAbout, errorsChart(explanation, words)),
        picture(charts.running, charts.runningAbout, runningChart(explanation, words)),
        ...(explanation.article === undefined
          ? []
          : [picture(charts.article, charts.articleAbout, articleChart(explanation, words))]),
      ]}</div>`,
    ),
    section(
      `3  ${words.compensation.title}`,
      compensationText(explanation, words),
      compensationTable(explanation, words),
      html`<h3>${words.compensation.chart}</h3>`,
      compensationBars(explanation, words),
    ),
    correction(explanation, words),
    section(`5  ${words.dequantize.title}`, words.dequantize.about, lines(dequantizeTexts(explanation, words))),
    article(explanation, words),
  ]
  return frame(`tersor: ${words.title}`, body, explanation.tersor, {
    language: words.tag,
    footer: filled(words.footer, { version: explanation.tersor }),
  })
}

function banner(explanation: Explanation, words: ExplainWords): Markup {
  const { error } = explanation
  const [promise] = dequantizeTexts(explanation, words)
  const name = words.dequantize.promise[error.promise]
  return html`<div class="banner ${error.within ? 'proven' : 'refused'}"><b style="text-transform:none;white-space:nowrap">≤ ${name}</b><p>${promise}</p></div>`
}

function tiles({ levels, error, storage, source }: Explanation, words: ExplainWords): Markup[] {
  return [
    tile(words.tiles.levels, wholeText(levels.count), filled(words.tiles.bits, { bits: levels.bits })),
    tile(words.tiles.step, numberText(levels.step), `${numberText(levels.min)} .. ${numberText(levels.max)}`),
    tile(words.tiles.max, numberText(error.max), `RMS ${numberText(error.rms)}`),
    tile('SQNR', decibelText(error.sqnrDb), filled(words.tiles.values, { count: wholeText(source.count) })),
    tile(
      words.tiles.size,
      bytesText(storage.codeBytes + storage.parameterBytes),
      filled(words.tiles.ofFloat, { floats: bytesText(storage.floatBytes) }),
    ),
  ]
}

const lines = (texts: readonly string[]): Markup =>
  html`${texts.map((text) => html`<p style="margin:4px 0">${text}</p>`)}`

const table = (heads: readonly string[], left: number, rows: readonly (readonly (string | Markup)[])[]): Markup => {
  const align = (column: number) => (column < left ? '' : 'r')
  const head = heads.map((text, column) => html`<th class="${align(column)}">${text}</th>`)
  const body = rows.map(
    (row) => html`<tr>${row.map((cell, column) => html`<td class="${align(column)}">${cell}</td>`)}</tr>`,
  )
  return html`<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

function stageTable({ rows }: Explanation, { columns }: ExplainWords): Markup {
  return table(
    [columns.index, columns.value, columns.scaled, columns.truncated, columns.code, columns.decoded, columns.error],
    0,
    rows.map(({ index, value, scaled, truncated, code, decoded, error }) =>
      [index, value, scaled, truncated, code, decoded, error].map(numberText),
    ),
  )
}

function compensationTable(explanation: Explanation, { compensation }: ExplainWords): Markup {
  const { max, rms, mean, runs, tiles: patches, bytes, kind } = compensation
  const steps = (error: number | null) => stepsText(error, explanation)
  return table(
    ['', max, rms, mean, 'SQNR', runs, patches, bytes],
    1,
    explanation.compensation.map((row) => [
      kind[row.kind],
      steps(row.max),
      steps(row.rms),
      steps(row.mean),
      decibelText(row.sqnrDb),
      steps(row.runRms),
      steps(row.tileRms),
      row.byteLength === 0 ? '' : bytesText(row.byteLength),
    ]),
  )
}

function correctionTable(explanation: Explanation, { correction }: ExplainWords): Markup {
  const { model, bytes, gain, breakEven, worth, pays, paysNot, kind } = correction
  return table(
    [model, bytes, gain, breakEven, worth],
    1,
    explanation.correction.map((row) => [
      kind[row.kind],
      wholeText(row.byteLength),
      gainText(row.gainDb),
      gainText(row.breakEvenDb),
      html`<span class="chip">${row.pays ? pays : paysNot}</span>`,
    ]),
  )
}

function correction(explanation: Explanation, words: ExplainWords): Markup {
  if (explanation.correction.length === 0) return html``
  return section(
    `4  ${words.correction.title}`,
    correctionText(explanation, words),
    correctionTable(explanation, words),
    html`<h3>${words.correction.chart}</h3>`,
    correctionBars(explanation, words),
  )
}

function article(explanation: Explanation, words: ExplainWords): Markup {
  const text = articleText(explanation, words)
  if (text === undefined || explanation.article === undefined) return html``
  const { columns } = words
  const rows = explanation.article.rows.map(({ index, value, scaled, truncated, code, restored }) =>
    [index, value, scaled, truncated, code, restored].map(numberText),
  )
  return section(
    words.article.title,
    words.article.about,
    lines([text]),
    table(
      [columns.index, columns.value, columns.scaled, columns.truncated, columns.code, words.article.restored],
      0,
      rows,
    ),
  )
}
