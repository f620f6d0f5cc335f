import type { CompareReport } from '../model/compare-report.ts'
import {
  bytesText,
  changeText,
  cosineText,
  countText,
  decibelText,
  durationText,
  numberText,
  shareText,
  wholeText,
  worstFigures,
} from './figures.ts'
import { outputCells, outputTable, sequenceCells } from './page/figures-table.ts'
import { facts, frame, section, tile, warningList } from './page/frame.ts'
import { html, type Markup } from './page/html.ts'
import { truthSection } from './page/truth.ts'

/** The picture report of `compare`. */
export function compareToHtml(report: CompareReport): string {
  const { a, b, metric } = report
  const worst = worstFigures(report.outputs)
  const tiles = [tile('size of B', bytesText(b.bytes), `${changeText(a.bytes, b.bytes)} of ${bytesText(a.bytes)}`)]
  if (metric !== undefined) {
    const text = metric.name === 'top1' ? shareText : numberText
    tiles.push(tile(metric.name === 'top1' ? 'accuracy' : metric.name, text(metric.b), `A ${text(metric.a)}`))
  }
  if (worst !== undefined)
    tiles.push(
      tile('cosine', cosineText(worst.cosine), worst.name),
      tile('SQNR', decibelText(worst.sqnrDb), worst.name),
    )
  const missed = report.thresholds.filter(({ met }) => !met)
  const body = [
    html`<header class="top"><h1>${a.path} <span class="arrow">against</span> ${b.path}</h1><p class="sub">${countText(report.samples, `${report.data} sample`)}</p></header>`,
    report.thresholds.length === 0 ? html`` : thresholdBanner(report, missed.length > 0),
    html`<div class="tiles">${tiles}</div>`,
    section('Warnings', '', warningList(report.warnings)),
    section('Outputs', 'A against B, the same inputs; worst first.', outputs(report)),
    truthSection(report, ['A', 'B']),
    section('Weights', 'Values under the same name in both files; worst first.', weights(report)),
    section(
      'How it was measured',
      '',
      facts([
        ['A', `${a.path}, ${wholeText(a.bytes)} bytes${a.sha256 === undefined ? '' : `, sha256 ${a.sha256}`}`],
        ['B', `${b.path}, ${wholeText(b.bytes)} bytes${b.sha256 === undefined ? '' : `, sha256 ${b.sha256}`}`],
        [
          'run by',
          report.runtime === undefined
            ? undefined
            : `${report.runtime.name} ${report.runtime.version}, ${countText(report.runtime.threads, 'thread')}, ${report.runtime.cpu.join(' ')}`,
        ],
        ['filled by rule', report.filled.join(', ')],
        ['phases', report.phases.map(({ name, ms }) => `${name} ${durationText(ms)}`).join(', ')],
      ]),
    ),
    report.suggestion === undefined
      ? html``
      : section('Next', '', html`<div class="next mono">${report.suggestion}</div>`),
  ]
  return frame(`tersor: ${a.path} against ${b.path}`, body, report.tersor)
}

function thresholdBanner(report: CompareReport, failed: boolean): Markup {
  const text = report.thresholds
    .map(({ metric, value, found }) => `${metric}: asked ${numberText(value)}, found ${numberText(found)}`)
    .join('; ')
  return html`<div class="banner ${failed ? 'refused' : 'proven'}"><b>${failed ? 'missed' : 'met'}</b><p>${text}</p></div>`
}

function outputs(report: CompareReport): Markup {
  const rows = (label: string, figures: CompareReport['outputs']) =>
    [...figures]
      .sort((x, y) => x.cosine - y.cosine)
      .map((output) => html`<tr><td>${label}</td>${outputCells(output)}</tr>`)
  const all = [...rows('fused', report.outputs), ...rows('unfused', report.unfused?.outputs ?? [])]
  all.push(...sequenceCells(report.sequence))
  return all.length === 0 ? html`` : outputTable('arithmetic', all)
}

function weights(report: CompareReport): Markup {
  const differing = report.weights.filter(({ sqnrDb }) => sqnrDb !== undefined).slice(0, 1000)
  if (differing.length === 0) return html``
  const rows = differing.map(
    (weight) =>
      html`<tr><td class="mono">${weight.tensor}</td><td>${weight.op}</td><td class="r">${bytesText(weight.bytesA)}</td><td class="r">${bytesText(weight.bytesB)}</td><td class="r">${decibelText(weight.sqnrDb!)}</td><td class="r">${numberText(weight.maxAbs)}</td></tr>`,
  )
  return html`<div class="wide scroll"><table><thead><tr><th>tensor</th><th>op</th><th class="r">bytes in A</th><th class="r">in B</th><th class="r">SQNR</th><th class="r">largest error</th></tr></thead><tbody>${rows}</tbody></table></div>`
}
