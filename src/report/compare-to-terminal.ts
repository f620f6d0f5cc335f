import type { CompareReport } from '../model/compare-report.ts'
import { bytesText, changeText, countText, decibelText, numberText, shareText, worstFigures } from './figures.ts'
import { printable, shorten } from './printable.ts'
import { sequenceRows } from './sequence-rows.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'
import { figureCells, type TextOptions, warnings } from './to-terminal.ts'
import { truthAbout, truthRows } from './truth-rows.ts'

/** What `compare` prints: sizes, outputs, then weights, worst first. */
export function compareToTerminal(report: CompareReport, options: TextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const most = options.verbose ? Number.POSITIVE_INFINITY : 5
  const { a, b } = report
  const blocks = [
    textTable(
      [
        ['A', paint.bold(printable(a.path)), bytesText(a.bytes), ''],
        ['B', paint.bold(printable(b.path)), bytesText(b.bytes), changeText(a.bytes, b.bytes)],
        ...metricRow(report),
      ],
      'llrl',
      '',
    ),
    outputs(report, paint, most),
    truth(report, paint),
    weights(report, paint, most),
    thresholds(report, paint),
    warnings(report.warnings, paint),
    report.suggestion === undefined ? [] : [`next      ${paint.name(printable(report.suggestion, 400))}`],
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function metricRow({ metric }: CompareReport): string[][] {
  if (metric === undefined) return []
  const text = metric.name === 'top1' ? shareText : numberText
  return [['', printable(metric.name, 40), `${text(metric.a)} -> ${text(metric.b)}`, '']]
}

function outputs(report: CompareReport, paint: Paint, most: number): string[] {
  if (report.outputs.length === 0) return [paint.warn('outputs were not compared')]
  const sorted = [...report.outputs].sort((x, y) => x.cosine - y.cosine)
  const rows = sorted
    .slice(0, most)
    .map((output) => [
      paint.name(shorten(output.name, 50)),
      ...figureCells(output),
      output.nonFinite > 0 ? paint.bad(countText(output.nonFinite, 'value not finite', 'values not finite')) : '',
    ])
  const where =
    report.runtime === undefined
      ? ''
      : ` on ${printable(report.runtime.name, 60)} ${printable(report.runtime.version, 30)}`
  const head = ['output', 'cosine', 'SQNR', 'largest error', 'agreement', '']
  const table = textTable([head, ...rows], 'lrrrrl').map((line, index) => (index === 0 ? paint.dim(line) : line))
  const filled =
    report.filled.length > 0
      ? [`  filled by rule: ${report.filled.map((input) => printable(input, 80)).join(', ')}`]
      : []
  return [
    `${paint.bold('outputs')} with ${countText(report.samples, `${report.data} sample`)}${where}`,
    ...table,
    ...more(sorted.length - rows.length, 'output'),
    ...sequence(report, paint),
    ...filled,
  ]
}

function sequence(report: CompareReport, paint: Paint): string[] {
  const rows = sequenceRows(report.sequence).flatMap(([name, about, outputs]) => {
    const worst = worstFigures(outputs)
    return worst === undefined ? [] : [[`${name} ${about}`, ...figureCells(worst)]]
  })
  if (rows.length === 0) return []
  const table = textTable([['B', 'cosine', 'SQNR', 'largest error', 'agreement'], ...rows], 'lrrrr')
  return table.map((line, index) => (index === 0 ? paint.dim(line) : line))
}

function truth(report: CompareReport, paint: Paint): string[] {
  const rows = truthRows(report)
  if (rows.length === 0) return []
  const table = textTable([['', 'A', 'B', ''], ...rows.map((row) => [...row])], 'lrrl')
  const about = truthAbout(report)
  return [
    `${paint.bold('measured')}${about === undefined ? '' : ` on ${printable(about, 160)}`}`,
    ...table.map((line, index) => (index === 0 ? paint.dim(line) : line)),
  ]
}

function weights(report: CompareReport, paint: Paint, most: number): string[] {
  const differing = report.weights.filter(({ sqnrDb }) => sqnrDb !== undefined)
  const equal = report.weights.length - differing.length
  if (report.weights.length === 0) return []
  const rows = differing
    .slice(0, most)
    .map((weight) => [
      paint.name(shorten(weight.tensor, 50)),
      printable(weight.op, 30),
      decibelText(weight.sqnrDb!),
      numberText(weight.maxAbs),
      `${bytesText(weight.bytesA)} -> ${bytesText(weight.bytesB)}`,
    ])
  const head = ['weight', 'op', 'SQNR', 'largest error', 'bytes']
  const table =
    rows.length === 0
      ? []
      : textTable([head, ...rows], 'llrrl').map((line, index) => (index === 0 ? paint.dim(line) : line))
  return [
    `${paint.bold('weights')}: ${differing.length} differ, ${equal} are equal`,
    ...table,
    ...more(differing.length - rows.length, 'weight'),
  ]
}

const thresholds = (report: CompareReport, paint: Paint): string[] =>
  report.thresholds.map(
    ({ metric, value, found, met }) =>
      `${met ? paint.good('met   ') : paint.bad('missed')}  ${printable(metric, 40)}: asked ${numberText(value)}, found ${numberText(found)}`,
  )

const more = (rest: number, what: string): string[] =>
  rest > 0 ? [`  and ${countText(rest, `more ${what}`)}; -v lists all`] : []
