import type { DecisionFact, OutputFigures, Report, VerdictStatus } from '../model/report.ts'
import {
  atLeast,
  autoChoice,
  bytesText,
  changeText,
  cosineText,
  countText,
  decibelText,
  durationText,
  numberText,
  shapeText,
  shareText,
  worstFigures,
} from './figures.ts'
import { layersToTerminal } from './layers-to-terminal.ts'
import { printable, shorten } from './printable.ts'
import { groupByReason, groupByScheme } from './reasons.ts'
import { searchToTerminal } from './search-to-terminal.ts'
import { sequenceRows } from './sequence-rows.ts'
import { singleNodes } from './single-nodes.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'
import { truthAbout, truthRows } from './truth-rows.ts'

export interface TextOptions {
  readonly color?: boolean
  /** List every tensor and output instead of the worst. */
  readonly verbose?: boolean
  /** Other files that were written, as [what, path]. */
  readonly written?: readonly (readonly [string, string])[]
}

/** The end-of-run text of quantize, plan, dequantize and demo. */
export function toTerminal(report: Report, options: TextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const verbose = options.verbose ?? false
  const blocks = [
    heading(report, paint),
    beforeAfter(report, paint),
    searchToTerminal(report.search, paint, verbose),
    changes(report, paint),
    kept(report, paint, verbose),
    singles(report, paint, verbose),
    worstLayers(report, paint, verbose),
    layersToTerminal(report.layers, paint, verbose),
    ...(verbose ? [allDecisions(report, paint)] : []),
    measured(report, paint, verbose),
    warnings(report.warnings, paint, report.notes),
    ending(report, paint, options.written ?? []),
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function heading(report: Report, paint: Paint): string[] {
  const { input, output } = report
  const facts = [input.family, input.opset === undefined ? undefined : `opset ${input.opset}`].filter(
    (fact) => fact !== undefined,
  )
  const to = output === undefined || output.files.length === 0 ? '' : ` -> ${printable(output.path)}`
  const rest =
    output !== undefined && output.files.length > 1 ? ` and ${countText(output.files.length - 1, 'data file')}` : ''
  const auto = autoChoice(report.options)
  return [
    `${paint.bold(`${printable(input.path)}${to}`)}${rest}${facts.length > 0 ? paint.dim(`  (${printable(facts.join(', '))})`) : ''}`,
    ...(auto === undefined ? [] : [printable(auto, 300)]),
  ]
}

function beforeAfter(report: Report, paint: Paint): string[] {
  const rows: string[][] = [['', 'before', 'after', '']]
  const after = report.output?.bytes ?? plannedBytes(report)
  const saved = changeText(report.input.bytes, after)
  rows.push([
    'size',
    bytesText(report.input.bytes),
    bytesText(after),
    after <= report.input.bytes ? paint.good(saved) : paint.warn(saved),
  ])
  const compressed = report.output?.compressed
  if (compressed !== undefined) {
    rows.push(['  gzip', '', bytesText(compressed.gzip), ''])
    rows.push(['  brotli', '', bytesText(compressed.brotli), ''])
  }
  const verdict = report.verdict
  const figures = verdict === undefined ? undefined : worstFigures(verdict.outputs)
  for (const row of metricRows(verdict?.metric)) rows.push(row)
  if (figures !== undefined) {
    const about = verdict!.data === 'synthetic' ? 'synthetic inputs' : verdict!.outputs.length > 1 ? figures.name : ''
    if (figures.top1Agreement !== undefined) rows.push(['agreement', '', shareText(figures.top1Agreement), about])
    if (figures.psnrDb !== undefined) rows.push(['PSNR', '', decibelText(figures.psnrDb), about])
    if (figures.ssim !== undefined) rows.push(['SSIM', '', cosineText(figures.ssim), about])
    rows.push(['cosine', '', cosineText(figures.cosine), about])
    rows.push(['SQNR', '', decibelText(figures.sqnrDb), about])
    if (figures.kl !== undefined && verdict!.language === undefined)
      rows.push(['mean KL', '', numberText(figures.kl), about])
    for (const row of truthRows(verdict!)) rows.push([...row])
    if (figures.nonFinite > 0) rows.push(['not finite', '', paint.bad(countText(figures.nonFinite, 'value')), about])
  }
  return textTable(rows, 'lrrl', '  ', '   ').map((line, index) => (index === 0 ? paint.dim(line) : line))
}

/** The plan's own sum, where nothing was written. */
const plannedBytes = (report: Report): number =>
  report.decisions.reduce((sum, { bytesBefore, bytesAfter }) => sum + bytesAfter - bytesBefore, report.input.bytes)

function metricRows(metric: Readonly<Record<string, number | string>> | undefined): string[][] {
  if (metric === undefined) return []
  const { name, float, quantized } = metric
  if (typeof float !== 'number' || typeof quantized !== 'number') return []
  const share = name === 'top1' || name === 'accuracy'
  const text = share ? shareText : numberText
  const drop = share
    ? `${quantized >= float ? '+' : '-'}${(100 * Math.abs(quantized - float)).toFixed(2)} points`
    : changeText(float, quantized)
  return [[share ? 'accuracy' : printable(String(name), 40), text(float), text(quantized), drop]]
}

function changes(report: Report, paint: Paint): string[] {
  const groups = groupByScheme(report.decisions)
  if (groups.length === 0) return [paint.warn('nothing was changed')]
  const rows = groups.map((group) => [
    paint.name(printable(group.code, 60)),
    countText(group.tensors.length, 'tensor'),
    `${bytesText(group.bytesBefore)} -> ${bytesText(group.bytesAfter)}`,
    group.lowerings.map((id) => id.replace('onnx/', '')).join(', '),
  ])
  return [paint.bold('changed'), ...textTable(rows, 'lrll')]
}

function kept(report: Report, paint: Paint, verbose: boolean): string[] {
  const groups = groupByReason(report.decisions.filter(({ action }) => action === 'keep'))
  if (groups.length === 0) return []
  const shown = verbose ? groups : groups.slice(0, 8)
  const rows = shown.map((group) => [
    paint.name(printable(group.code, 30)),
    String(group.tensors.length),
    bytesText(group.bytesBefore),
    `${printable(group.text, 90)}${paint.dim(`, such as ${shorten(group.tensors[0]!.tensor, 40)}`)}`,
  ])
  const rest = groups.length - shown.length
  return [
    paint.bold('stayed as it was'),
    ...textTable(rows, 'lrrl'),
    ...(rest > 0 ? [`  and ${countText(rest, 'more reason')}; -v lists all`] : []),
  ]
}

/** Of fp16 results: nodes that go on computing in f32. */
function singles(report: Report, paint: Paint, verbose: boolean): string[] {
  const groups = singleNodes(report)
  if (groups.length === 0) return []
  const shown = verbose ? groups : groups.slice(0, 8)
  const rows = shown.map(({ code, count, text, operators }) => [
    paint.name(printable(code, 30)),
    countText(count, 'node'),
    printable(operators.join(' '), 50),
    printable(text, 110),
  ])
  const rest = groups.length - shown.length
  return [
    paint.bold('computes in f32'),
    ...textTable(rows, 'lrll'),
    ...(rest > 0 ? [`  and ${countText(rest, 'more reason')}; -v lists all`] : []),
  ]
}

/** Three decisions, by the verdict's order where it has one, else by the lowest SQNR of the weight. */
export function worstDecisions(report: Report, count: number): DecisionFact[] {
  const byName = new Map(report.decisions.map((decision) => [decision.tensor, decision]))
  const named = (report.verdict?.worst ?? []).flatMap((name) => byName.get(name) ?? [])
  if (named.length > 0) return named.slice(0, count)
  return report.decisions
    .filter(({ sqnrDb }) => sqnrDb !== undefined)
    .sort((a, b) => a.sqnrDb! - b.sqnrDb!)
    .slice(0, count)
}

function worstLayers(report: Report, paint: Paint, verbose: boolean): string[] {
  const worst = worstDecisions(report, verbose ? 20 : 3)
  if (worst.length === 0) return []
  const rows = worst.map((decision) => [
    paint.name(shorten(decision.tensor, 60)),
    printable(decision.op, 30),
    printable(decision.scheme ?? decision.action, 40),
    decision.sqnrDb === undefined ? '' : decibelText(decision.sqnrDb),
  ])
  return [paint.bold('most error'), ...textTable(rows, 'lllr')]
}

function allDecisions(report: Report, paint: Paint): string[] {
  const rows = report.decisions.map((decision) => [
    paint.name(shorten(decision.tensor, 60)),
    printable(decision.op, 30),
    shapeText(decision.shape),
    printable(decision.scheme ?? decision.action, 40),
    bytesText(decision.bytesAfter),
    printable(decision.because.text, 120),
  ])
  return rows.length === 0 ? [] : [paint.bold('every decision'), ...textTable(rows, 'llllrl')]
}

function measured(report: Report, paint: Paint, verbose: boolean): string[] {
  const { verdict, runtime } = report
  if (verdict === undefined || verdict.outputs.length + (verdict.reference?.outputs.length ?? 0) === 0) return []
  const rows: string[][] = [['', 'cosine', 'SQNR', 'largest error', 'agreement']]
  const line = (label: string, outputs: readonly OutputFigures[] | undefined) => {
    const figures = outputs === undefined ? undefined : worstFigures(outputs)
    if (figures !== undefined) rows.push([label, ...figureCells(figures)])
  }
  line('fused, as users run it', verdict.fused?.outputs ?? verdict.outputs)
  line('unfused, optimizations off', verdict.unfused?.outputs)
  line('reference, float emulation', verdict.reference?.outputs)
  for (const [name, about, outputs] of sequenceRows(verdict.sequence)) line(`fused, ${name} ${about}`, outputs)
  if (verbose && verdict.outputs.length > 1)
    for (const output of verdict.outputs) line(`  ${shorten(output.name, 40)}`, [output])
  const where =
    runtime === undefined
      ? ''
      : ` on ${printable(runtime.name, 60)} ${printable(runtime.version, 30)}, ${countText(runtime.threads, 'thread')}${runtime.cpu.length > 0 ? `, ${printable(runtime.cpu.join(' '), 80)}` : ''}`
  const data = `${countText(verdict.samples, `${verdict.data} sample`)}`
  const table = textTable(rows, 'lrrrr').map((text, index) => (index === 0 ? paint.dim(text) : text))
  const filled =
    verdict.filled.length > 0
      ? [`  filled by rule: ${verdict.filled.map((input) => printable(input, 80)).join(', ')}`]
      : []
  const about = truthAbout(verdict)
  const told = about === undefined ? [] : [`  ${printable(about, 160)}`]
  return [`${paint.bold('measured')} with ${data}${where}`, ...told, ...table, ...filled]
}

export const figureCells = (figures: OutputFigures): string[] => [
  cosineText(figures.cosine),
  decibelText(figures.sqnrDb),
  numberText(figures.maxAbs),
  figures.top1Agreement === undefined ? '' : shareText(figures.top1Agreement),
]

/** `notes`: those of them that only inform; they come first. */
export function warnings(texts: readonly string[], paint: Paint, notes: readonly string[] = []): string[] {
  const informing = new Set(notes)
  return [
    ...notes.map((text) => `${paint.bold('note')} ${printable(text, 400)}`),
    ...texts.filter((text) => !informing.has(text)).map((text) => `${paint.warn('warning')} ${printable(text, 400)}`),
  ]
}

const SHADE: Readonly<Record<VerdictStatus, 'good' | 'warn' | 'bad'>> = {
  proven: 'good',
  plausible: 'good',
  unproven: 'warn',
  refused: 'bad',
}

function ending(report: Report, paint: Paint, written: readonly (readonly [string, string])[]): string[] {
  const lines: string[] = []
  const { verdict, requires } = report
  if (requires !== undefined) {
    const session = Object.entries(requires.sessionOptions).map(([key, value]) => printable(`${key}=${value}`, 120))
    lines.push(
      `requires  onnxruntime ${printable(atLeast(requires.onnxruntime), 60)}, opset ${requires.opset}, IR ${requires.ir}${session.length > 0 ? `, session options ${session.join(' ')}` : ''}`,
    )
  }
  const total = report.phases.reduce((sum, { ms }) => sum + ms, 0)
  if (total > 0)
    lines.push(
      paint.dim(
        `took      ${durationText(total)}${report.peakBytes > 0 ? `, at most ${bytesText(report.peakBytes)} of memory` : ''}`,
      ),
    )
  if (verdict !== undefined)
    lines.push(
      `verdict   ${paint[SHADE[verdict.status]](paint.bold(verdict.status))}: ${printable(verdict.because, 400)}`,
    )
  if (verdict?.status === 'refused' && (report.output?.files.length ?? 0) === 0)
    lines.push('nothing was written; --force writes it all the same')
  for (const [what, path] of written) lines.push(`${what.padEnd(10)}${printable(path, 400)}`)
  if (report.suggestion !== undefined) lines.push(`next      ${paint.name(printable(report.suggestion, 400))}`)
  return lines
}
