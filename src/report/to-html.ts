import type { Report } from '../model/report.ts'
import type { SearchFacts } from '../model/search-facts.ts'
import { budgetCurve, groupTable } from './charts/budget-curve.ts'
import { operatorBars, tensorBars } from './charts/size-ledger.ts'
import { weightError } from './charts/weight-error.ts'
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
  shareText,
  wholeText,
  worstFigures,
} from './figures.ts'
import { decisionsTable, reasonTable } from './page/decisions-table.ts'
import { figuresTable } from './page/figures-table.ts'
import { facts, frame, noteList, section, tile, warningList } from './page/frame.ts'
import { html, type Markup } from './page/html.ts'
import { layerSection } from './page/layers.ts'
import { pictureGrid, type SamplePicture } from './page/pictures.ts'
import { sampleSection } from './page/samples.ts'
import { singleTable } from './page/single-nodes.ts'
import { truthSection } from './page/truth.ts'
import { lossWords } from './search-to-terminal.ts'

export interface HtmlExtras {
  /** Pictures of samples, where the data are pictures. */
  readonly pictures?: readonly SamplePicture[]
}

/** The picture report: one HTML file, offline, light and dark, every name escaped. */
export function toHtml(report: Report, extras: HtmlExtras = {}): string {
  const { input, output, verdict, decisions } = report
  const after =
    output?.bytes ?? decisions.reduce((sum, { bytesBefore, bytesAfter }) => sum + bytesAfter - bytesBefore, input.bytes)
  const title = output === undefined ? input.path : `${input.path} → ${output.path}`
  const body = [
    header(report),
    banner(report),
    html`<div class="tiles">${tiles(report, after)}</div>`,
    section('Warnings', '', warningList(report.warnings.filter((text) => report.notes?.includes(text) !== true))),
    section('Notes', '', noteList(report.notes ?? [])),
    section(
      'Where the bytes went',
      'By operator, then the largest tensors. Pale is before, strong is after, grey stayed as it was.',
      operatorBars(decisions, input.bytes, after),
      html`<h3>largest tensors</h3>`,
      tensorBars(decisions),
    ),
    searchSection(report.search),
    section(
      'Error of each weight',
      'Signal to quantization noise; higher is better, 6 dB is one bit. Drag to zoom, double click to go back.',
      weightError(decisions),
    ),
    verdict === undefined ? html`` : section('Before against after', proofText(report), figuresTable(verdict)),
    verdict === undefined ? html`` : truthSection(verdict, ['float', 'now']),
    extras.pictures === undefined
      ? html``
      : section(
          'Samples',
          'What each shows, what the float model says and what the new one says; wrong answers first.',
          pictureGrid(extras.pictures, verdict),
        ),
    sampleSection(verdict?.shown),
    layerSection(report.layers),
    section('What stayed as it was, and why', '', reasonTable(decisions)),
    section('What computes in f32, and why', '', singleTable(report)),
    decisions.length === 0 ? html`` : section('Every decision', 'Click a heading to sort.', decisionsTable(decisions)),
    section('How it was made', '', environment(report)),
    report.suggestion === undefined
      ? html``
      : section('Next', '', html`<div class="next mono">${report.suggestion}</div>`),
  ]
  return frame(`tersor: ${title}`, body, report.tersor)
}

function header({ input, output, command, options }: Report): Markup {
  const about = [
    command,
    input.family,
    input.opset === undefined ? undefined : `opset ${input.opset}`,
    output !== undefined && output.files.length > 1 ? `${output.files.length} files` : undefined,
    autoChoice(options),
  ].filter((fact) => fact !== undefined)
  const to = output === undefined ? undefined : html` <span class="arrow">→</span> ${output.path}`
  return html`<header class="top"><h1>${input.path}${to}</h1><p class="sub">${about.join(', ')}</p></header>`
}

function banner({ verdict, command }: Report): Markup {
  if (verdict !== undefined)
    return html`<div class="banner ${verdict.status}"><b>${verdict.status}</b><p>${verdict.because}</p></div>`
  return command === 'plan'
    ? html`<div class="banner unproven"><b>planned</b><p>Nothing was run or written.</p></div>`
    : html``
}

function tiles({ input, output, verdict }: Report, after: number): Markup[] {
  const list = [tile('size', bytesText(after), `${changeText(input.bytes, after)} of ${bytesText(input.bytes)}`)]
  const compressed = output?.compressed
  if (compressed !== undefined)
    list.push(tile('compressed (brotli)', bytesText(compressed.brotli), `gzip ${bytesText(compressed.gzip)}`))
  const { name, float, quantized } = verdict?.metric ?? {}
  if (typeof float === 'number' && typeof quantized === 'number') {
    const share = name === 'top1' || name === 'accuracy'
    const text = share ? shareText : numberText
    list.push(tile(share ? 'accuracy' : String(name), text(quantized), `float ${text(float)}`))
  }
  const figures = verdict === undefined ? undefined : worstFigures(verdict.outputs)
  if (figures === undefined) return list
  const data = countText(verdict!.samples, verdict!.data === 'synthetic' ? 'synthetic sample' : 'sample')
  if (figures.top1Agreement !== undefined) list.push(tile('agreement', shareText(figures.top1Agreement), data))
  if (figures.psnrDb !== undefined) list.push(tile('PSNR', decibelText(figures.psnrDb), data))
  if (figures.ssim !== undefined) list.push(tile('SSIM', cosineText(figures.ssim), data))
  list.push(tile('cosine', cosineText(figures.cosine), data), tile('SQNR', decibelText(figures.sqnrDb), data))
  if (figures.kl !== undefined) list.push(tile('mean KL', numberText(figures.kl), data))
  return list
}

function searchSection(search: SearchFacts | undefined): Markup {
  if (search === undefined) return html``
  return section(
    'Bytes against loss',
    `What the best file of each size loses: ${lossWords(search)}. The ring is what was chosen; rows name what a group would lose otherwise.`,
    budgetCurve(search),
    groupTable(search),
  )
}

function proofText({ verdict, runtime }: Report): string {
  const data = `${countText(verdict!.samples, `${verdict!.data} sample`)} through both models`
  const where = runtime === undefined ? '' : ` on ${runtime.name} ${runtime.version}`
  const filled = verdict!.filled.length === 0 ? '' : ` Filled by rule: ${verdict!.filled.join(', ')}.`
  return `${data}${where}.${filled}`
}

function environment(report: Report): Markup {
  const { input, output, requires, runtime, options, phases, peakBytes, statistics } = report
  const file = (fact: { path: string; bytes: number; sha256?: string }) =>
    `${fact.path}, ${wholeText(fact.bytes)} bytes${fact.sha256 === undefined ? '' : `, sha256 ${fact.sha256}`}`
  const session = Object.entries(requires?.sessionOptions ?? {}).map(([key, value]) => `${key}=${value}`)
  return facts([
    ['input', file(input)],
    ['output', output === undefined ? undefined : file(output)],
    ['files', output === undefined || output.files.length < 2 ? undefined : output.files.join(', ')],
    [
      'requires',
      requires === undefined
        ? undefined
        : `onnxruntime ${atLeast(requires.onnxruntime)}, opset ${requires.opset}, IR ${requires.ir}${session.length === 0 ? '' : `, ${session.join(', ')}`}`,
    ],
    [
      'judged by',
      runtime === undefined
        ? undefined
        : `${runtime.name} ${runtime.version}, ${countText(runtime.threads, 'thread')}, ${runtime.cpu.join(' ')}`,
    ],
    [
      'options',
      Object.entries(options)
        .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(', '),
    ],
    ['statistics', statistics === undefined ? undefined : `sha256 ${statistics.sha256}`],
    ['phases', phases.map(({ name, ms }) => `${name} ${durationText(ms)}`).join(', ')],
    ['peak memory', peakBytes > 0 ? bytesText(peakBytes) : undefined],
    ['tersor', report.tersor],
  ])
}
