import type { InspectReport, TensorFact, ValueFact } from '../model/inspect-report.ts'
import { bytesText, countText, shapeText } from './figures.ts'
import { printable, shorten } from './printable.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'
import { type TextOptions, warnings } from './to-terminal.ts'

/** What `inspect` prints. The first line alone says what the model is. */
export function inspectToTerminal(report: InspectReport, options: TextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const most = options.verbose ? Number.POSITIVE_INFINITY : 10
  const blocks = [
    [inspectHeading(report, paint)],
    values(report, paint),
    operators(report, paint, most),
    tensors(report, paint, most),
    floating(report, paint, most),
    shared(report, paint, most),
    targets(report, paint),
    warnings(report.warnings, paint),
    report.suggestion === undefined ? [] : [`next      ${paint.name(printable(report.suggestion, 400))}`],
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function inspectHeading({ input, parameters, nodes }: InspectReport, paint: Paint): string {
  const facts = [
    input.family,
    countText(parameters, 'parameter'),
    countText(nodes, 'node'),
    `opset ${input.opset}`,
    `IR ${input.ir}`,
    ...(input.producer === '' ? [] : [`made by ${printable(input.producer, 40)}`]),
    ...(input.files.length > 1 ? [countText(input.files.length - 1, 'data file')] : []),
  ]
  return `${paint.bold(printable(input.path))}  ${bytesText(input.bytes)}  ${facts.join(', ')}`
}

function values({ inputs, outputs }: InspectReport, paint: Paint): string[] {
  const row = (label: string) => (value: ValueFact) => [
    paint.dim(label),
    paint.name(shorten(value.name, 60)),
    value.dtype ?? 'untyped',
    value.shape === undefined ? 'any shape' : printable(shapeText(value.shape), 80),
  ]
  return textTable([...inputs.map(row('input')), ...outputs.map(row('output'))], 'llll', '  ')
}

function operators({ operators: all, input }: InspectReport, paint: Paint, most: number): string[] {
  const sorted = [...all].sort((a, b) => b.bytes - a.bytes || b.count - a.count)
  if (sorted.length === 0) return []
  const rows = sorted
    .slice(0, most)
    .map(({ op, count, bytes }) => [
      paint.name(printable(op, 60)),
      String(count),
      bytes === 0 ? '' : bytesText(bytes),
      bytes === 0 ? '' : `${((100 * bytes) / Math.max(1, input.bytes)).toFixed(1)} %`,
    ])
  return [
    paint.bold('bytes by operator'),
    ...textTable(rows, 'lrrr'),
    ...andMore(sorted.length - rows.length, 'operator'),
  ]
}

function tensors({ tensors: all }: InspectReport, paint: Paint, most: number): string[] {
  const sorted = [...all].filter(({ quantizable }) => quantizable).sort((a, b) => b.bytes - a.bytes)
  const bytes = sorted.reduce((sum, tensor) => sum + tensor.bytes, 0)
  if (sorted.length === 0) return [paint.warn('no tensor can be quantized')]
  const rows = sorted.slice(0, most).map((tensor) => tensorRow(tensor, paint))
  return [
    paint.bold(`can be quantized: ${countText(sorted.length, 'tensor')}, ${bytesText(bytes)}`),
    ...textTable(rows, 'lllr'),
    ...andMore(sorted.length - rows.length, 'tensor'),
  ]
}

const tensorRow = (tensor: TensorFact, paint: Paint): string[] => [
  paint.name(shorten(tensor.name, 60)),
  printable(tensor.op === '' ? 'unused' : tensor.op, 40),
  `${tensor.dtype} ${shapeText(tensor.shape)}`,
  bytesText(tensor.bytes),
]

function floating({ tensors: all }: InspectReport, paint: Paint, most: number): string[] {
  const groups = new Map<string, TensorFact[]>()
  for (const tensor of all) {
    if (tensor.quantizable) continue
    const members = groups.get(tensor.because.code)
    if (members === undefined) groups.set(tensor.because.code, [tensor])
    else members.push(tensor)
  }
  const bytesOf = (members: readonly TensorFact[]) => members.reduce((sum, { bytes }) => sum + bytes, 0)
  const sorted = [...groups].sort(([, a], [, b]) => bytesOf(b) - bytesOf(a))
  if (sorted.length === 0) return []
  const rows = sorted
    .slice(0, most)
    .map(([code, members]) => [
      paint.name(printable(code, 30)),
      String(members.length),
      bytesText(bytesOf(members)),
      `${printable(members[0]!.because.text, 90)}${paint.dim(`, such as ${shorten(members[0]!.name, 40)}`)}`,
    ])
  return [paint.bold('stays as it is'), ...textTable(rows, 'lrrl'), ...andMore(sorted.length - rows.length, 'reason')]
}

function shared({ shared: groups }: InspectReport, paint: Paint, most: number): string[] {
  if (groups.length === 0) return []
  const rows = groups.slice(0, most).map(({ names, transposed, bytes }) => [
    bytesText(bytes),
    `${names
      .slice(0, 4)
      .map((name) => shorten(name, 40))
      .join(' = ')}${names.length > 4 ? ` and ${names.length - 4} more` : ''}${transposed ? ' (transposed)' : ''}`,
  ])
  return [paint.bold('shared or equal'), ...textTable(rows, 'rl'), ...andMore(groups.length - rows.length, 'group')]
}

function targets({ targets: all }: InspectReport, paint: Paint): string[] {
  if (all.length === 0) return []
  const rows = all.map(({ target, fits, findings }) => [
    paint.name(printable(target, 40)),
    fits ? paint.good('fits') : paint.bad('does not fit'),
    findings.map((finding) => printable(finding, 160)).join('; '),
  ])
  return [paint.bold('targets'), ...textTable(rows, 'lll')]
}

const andMore = (rest: number, what: string): string[] =>
  rest > 0 ? [`  and ${countText(rest, `more ${what}`)}; -v lists all`] : []
