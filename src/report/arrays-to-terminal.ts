import type { ArrayDecision, ArrayReport, RecallFigures } from '../model/array-report.ts'
import { bytesText, changeText, countText, decibelText, numberText, shareText } from './figures.ts'
import { printable, shorten } from './printable.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'
import { type TextOptions, warnings } from './to-terminal.ts'

/** What `quantize` and `dequantize` print for arrays: sizes, then every array with its error, then what a search finds. */
export function arraysToTerminal(report: ArrayReport, options: TextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const { input, output } = report
  const blocks = [
    textTable(
      [
        ['input', paint.bold(printable(input.path)), bytesText(input.bytes), ''],
        ['output', paint.bold(printable(output.path)), bytesText(output.bytes), changeText(input.bytes, output.bytes)],
      ],
      'llrl',
      '',
    ),
    arrays(report, paint, options.verbose ? Number.POSITIVE_INFINITY : 20),
    report.decisions.flatMap((decision) => (decision.recall ? found(decision, decision.recall, paint) : [])),
    report.decisions.flatMap((decision) => (decision.curve ? curve(decision, decision.curve, paint) : [])),
    warnings(report.warnings, paint),
    report.suggestion === undefined ? [] : [`next      ${paint.name(printable(report.suggestion, 400))}`],
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function arrays({ decisions, command }: ArrayReport, paint: Paint, most: number): string[] {
  const measured = command === 'quantize'
  const head = [
    'array',
    'shape',
    'scheme',
    'size',
    ...(measured ? ['bits/value', 'rel. RMS', 'SQNR', 'max error'] : []),
    '',
  ]
  const rows = decisions
    .slice(0, most)
    .map((one) => [
      paint.name(shorten(one.name, 40)),
      `${one.shape.join('x') || 'scalar'} ${one.dtype}`,
      one.action === 'keep' ? 'kept' : schemesOf(one),
      bytesText(one.bytesAfter),
      ...(measured ? figures(one) : []),
      one.action === 'keep' ? one.because : '',
    ])
  const lines = textTable([head, ...rows], measured ? 'lllrrrrrl' : 'lllrl').map((line, i) =>
    i === 0 ? paint.dim(line) : line,
  )
  const rest = decisions.length - rows.length
  return rest > 0 ? [...lines, paint.dim(`  and ${countText(rest, 'array', 'arrays')} more (-v lists them)`)] : lines
}

/** With a second look, the array is stored in both codes. */
function schemesOf({ scheme = '', recall }: ArrayDecision): string {
  return recall?.rescored ? `${scheme} + ${recall.rescored.scheme}` : scheme
}

function figures({ bitsPerValue, relativeRms, sqnrDb, maxAbs }: ArrayDecision): string[] {
  if (relativeRms === undefined) return ['', '', '', '']
  return [
    numberText(Number((bitsPerValue ?? 0).toFixed(3))),
    numberText(relativeRms),
    decibelText(sqnrDb ?? Number.NaN),
    numberText(maxAbs ?? Number.NaN),
  ]
}

function curve(decision: ArrayDecision, points: NonNullable<ArrayDecision['curve']>, paint: Paint): string[] {
  const rows = points.map(({ scheme, bitsPerValue, relativeRms }) => [
    scheme === decision.scheme ? paint.good(scheme) : scheme,
    numberText(Number(bitsPerValue.toFixed(3))),
    numberText(relativeRms),
  ])
  return [
    `schemes for ${paint.name(shorten(decision.name, 40))} that no other beats in both (${decision.because})`,
    ...textTable([['scheme', 'bits a value', 'relative RMS'], ...rows], 'lrr').map((line, i) =>
      i === 0 ? paint.dim(line) : line,
    ),
  ]
}

function found(decision: ArrayDecision, recall: RecallFigures, paint: Paint): string[] {
  const { rescored } = recall
  const how = rescored ? `, ${rescored.candidates} candidates a row ranked again by ${rescored.scheme}` : ''
  return [
    `recall of ${paint.name(shorten(decision.name, 40))} against float, ${recall.queries} queries in ${recall.rows} rows, cosine${how}`,
    ...textTable(
      [
        ['at 1', 'at 10', 'at 100'],
        [shareText(recall.at1), shareText(recall.at10), shareText(recall.at100)],
      ],
      'rrr',
    ),
  ]
}
