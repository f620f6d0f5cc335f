import type { VariantFact, VariantsReport } from '../model/variants-report.ts'
import {
  bytesText,
  changeText,
  cosineText,
  countText,
  durationText,
  numberText,
  shareText,
  worstFigures,
} from './figures.ts'
import { printable, shorten } from './printable.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'
import { type TextOptions, warnings } from './to-terminal.ts'

const FEW_BITS: ReadonlySet<string> = new Set(['q4', 'q4f16', 'q2', 'q2f16', 'bnb4'])

/** What `variants` prints: a line a file, then what was copied and remarked. */
export function variantsToTerminal(report: VariantsReport, options: TextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const { output, variants, copied } = report
  const left = variants.filter(({ file }) => file === undefined)
  const total = report.phases.reduce((sum, { ms }) => sum + ms, 0)
  const blocks = [
    [
      `${paint.bold(`${printable(report.input.path)} -> ${printable(output.path)}`)}  ${paint.dim(`(${countText(output.files.length, 'file')}, ${bytesText(output.bytes)} of models)`)}`,
    ],
    table(variants, paint),
    warnings(report.warnings, paint, report.notes),
    [
      ...(copied.length === 0 ? [] : [`copied    ${copied.map((name) => printable(name, 60)).join(', ')}`]),
      paint.dim(`took      ${durationText(total)}, at most ${bytesText(report.peakBytes)} of memory`),
      ...(left.length === 0
        ? []
        : [
            paint.bad(`${countText(left.length, 'variant')} refused; --force writes it all the same`),
            `next      ${nextStep(left, report)}`,
          ]),
      ...(output.files.length === 0 ? ['nothing was written'] : []),
    ],
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

/** What can be done about refused files. */
function nextStep(left: readonly VariantFact[], { options }: VariantsReport): string {
  const few = left.some(({ dtype }) => FEW_BITS.has(dtype))
  const names = [...new Set(left.map(({ dtype }) => dtype))].join(', ')
  return `${few && options.calib === undefined ? '--calib DATA, which finds better codes of few bits; or ' : ''}--set without ${names}`
}

function table(variants: readonly VariantFact[], paint: Paint): string[] {
  const rows = variants.map((variant) => [
    paint.name(shorten(variant.file ?? `${variant.part} ${variant.dtype}`, 60)),
    bytesText(variant.bytes),
    changeText(variant.bytesBefore, variant.bytes),
    variant.compressed === undefined ? '' : bytesText(variant.compressed.gzip),
    variant.compressed === undefined ? '' : bytesText(variant.compressed.brotli),
    quality(variant),
    variant.verdict.status === 'refused' ? paint.bad('refused') : variant.verdict.status,
  ])
  const lines = textTable([['file', 'size', '', 'gzip', 'brotli', 'against float', 'verdict'], ...rows], 'lrrrrll')
  return lines.map((line, index) => (index === 0 ? paint.dim(line) : line))
}

function quality({ dtype, verdict }: VariantFact): string {
  if (dtype === 'fp32') return 'the same'
  const { language, embeddings } = verdict
  if (language !== undefined) return `KL ${numberText(language.kl.mean)}, top-1 ${shareText(language.top1Agreement)}`
  if (embeddings !== undefined)
    return `cosine ${cosineText(embeddings.cosine.mean)}, least ${cosineText(embeddings.cosine.min)}`
  const figures = worstFigures(verdict.outputs)
  if (figures === undefined) return ''
  const agreement = figures.top1Agreement === undefined ? '' : `top-1 ${shareText(figures.top1Agreement)}, `
  return `${agreement}cosine ${cosineText(figures.cosine)}${verdict.data === 'synthetic' ? ' (synthetic)' : ''}`
}
