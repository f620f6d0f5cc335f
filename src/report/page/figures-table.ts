import type { OutputFigures, SequenceFigures, Verdict } from '../../model/report.ts'
import { cosineText, decibelText, numberText, shareText } from '../figures.ts'
import { sequenceRows } from '../sequence-rows.ts'
import { html, type Markup } from './html.ts'

const ARITHMETICS: readonly (readonly [string, string, (verdict: Verdict) => readonly OutputFigures[] | undefined])[] =
  [
    ['fused', 'as users run it', (verdict) => verdict.fused?.outputs ?? verdict.outputs],
    ['unfused', 'graph optimizations off', (verdict) => verdict.unfused?.outputs],
    ['reference', 'float emulation, the same on every CPU', (verdict) => verdict.reference?.outputs],
  ]

/** Each output under each arithmetic. */
export function figuresTable(verdict: Verdict): Markup {
  const rows = ARITHMETICS.flatMap(([name, about, pick]) =>
    (pick(verdict) ?? []).map(
      (output, index) =>
        html`<tr><td>${index === 0 ? html`<b>${name}</b> <span class="sub">${about}</span>` : undefined}</td>${outputCells(output)}</tr>`,
    ),
  )
  rows.push(...sequenceCells(verdict.sequence))
  return rows.length === 0 ? html`` : outputTable('arithmetic', rows)
}

/** Of models with states: each way along the sequence, its outputs below one another. */
export const sequenceCells = (sequence: SequenceFigures | undefined): readonly Markup[] =>
  sequenceRows(sequence).flatMap(([name, about, outputs]) =>
    outputs.map(
      (output, index) =>
        html`<tr><td>${index === 0 ? html`<b>${name}</b> <span class="sub">${about}</span>` : undefined}</td>${outputCells(output)}</tr>`,
    ),
  )

export const outputTable = (first: string, rows: readonly Markup[]): Markup =>
  html`<div class="wide"><table><thead><tr><th>${first}</th><th>output</th><th class="r">cosine</th><th class="r">SQNR</th><th class="r">largest error</th><th class="r">top-1 agreement</th><th class="r">mean KL</th><th class="r">not finite</th></tr></thead><tbody>${rows}</tbody></table></div>`

export const outputCells = (output: OutputFigures): Markup =>
  html`<td class="mono">${output.name}</td><td class="r">${cosineText(output.cosine)}</td><td class="r">${decibelText(output.sqnrDb)}</td><td class="r">${numberText(output.maxAbs)}</td><td class="r">${output.top1Agreement === undefined ? '' : shareText(output.top1Agreement)}</td><td class="r">${output.kl === undefined ? '' : numberText(output.kl)}</td><td class="r">${output.nonFinite}</td>`
