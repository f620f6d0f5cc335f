import type { VariantFact, VariantsReport } from '../../model/variants-report.ts'

type Json = Readonly<Record<string, unknown>>

const BEGIN = '<!-- tersor:variants -->'
const END = '<!-- /tersor:variants -->'

/** The model card with a section about the files: a new one, or the old one with this section put in or replaced. */
export function cardFor(report: VariantsReport, before: string | undefined, config: Json = {}): string {
  const section = [BEGIN, ...sectionLines(report, before ?? '', config), END].join('\n')
  if (before === undefined) return `---\nlibrary_name: transformers.js\n---\n\n${section}\n`
  const start = before.indexOf(BEGIN)
  const end = before.indexOf(END)
  if (start >= 0 && end > start) return before.slice(0, start) + section + before.slice(end + END.length)
  return `${before.trimEnd()}\n\n${section}\n`
}

function sectionLines(report: VariantsReport, before: string, config: Json): readonly string[] {
  const { variants } = report
  const written = variants.filter(({ file }) => file !== undefined)
  const parts = new Set(written.map(({ part }) => part))
  const heading = ['file', 'dtype', 'size', 'gzip', 'brotli', 'against float', 'verdict']
  const rows = variants.map((variant) => [
    variant.file === undefined ? 'not written' : `\`${variant.file}\``,
    `\`${variant.dtype}\``,
    variant.dtype === 'fp32'
      ? megabytes(variant.bytes)
      : `${megabytes(variant.bytes)} (${percent(variant.bytes, variant.bytesBefore)})`,
    variant.compressed === undefined ? '' : megabytes(variant.compressed.gzip),
    variant.compressed === undefined ? '' : megabytes(variant.compressed.brotli),
    qualityOf(variant),
    variant.verdict.status,
  ])
  const first = ['q4', 'q8'].flatMap((name) => written.find(({ dtype }) => dtype === name) ?? [])[0] ?? written[0]
  return [
    '## ONNX files for transformers.js',
    '',
    `Made by [tersor](https://www.npmjs.com/package/tersor) ${report.tersor} from ${report.input.parts.map((part) => `\`${part}.onnx\``).join(', ')}.`,
    '',
    `| ${heading.join(' | ')} |`,
    `|${heading.map((_, at) => (at >= 2 && at <= 4 ? '---:' : '---')).join('|')}|`,
    ...rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
    '',
    howMeasured(report),
    ...(first === undefined ? [] : ['', ...usage(first.dtype, taskOf(variants, before, config), parts.size)]),
  ]
}

/** The pipeline that this model is for, as far as the card, the configuration or the figures tell. */
function taskOf(variants: readonly VariantFact[], before: string, config: Json): string {
  const said = /^pipeline_tag:[ \t]*["']?([\w-]+)/m.exec(before)?.[1]
  if (said !== undefined) return said
  if (config.is_encoder_decoder === true) return 'text2text-generation'
  if (variants.some(({ verdict }) => verdict.language !== undefined)) return 'text-generation'
  return variants.some(({ verdict }) => verdict.embeddings !== undefined) ? 'feature-extraction' : 'TASK'
}

function usage(dtype: string, task: string, parts: number): readonly string[] {
  return [
    '```js',
    "import { pipeline } from '@huggingface/transformers'",
    '',
    `const run = await pipeline('${task}', 'USER/MODEL', { dtype: '${dtype}' })`,
    '```',
    ...(parts > 1
      ? ['', 'Each part may have a dtype of its own: `{ dtype: { encoder_model: ..., decoder_model_merged: ... } }`.']
      : []),
  ]
}

/** The figures that say most of this kind of model. */
export function qualityOf({ dtype, verdict }: Pick<VariantFact, 'dtype' | 'verdict'>): string {
  if (dtype === 'fp32') return 'the same'
  const { language, embeddings, outputs } = verdict
  if (language !== undefined) {
    const { perplexity } = language
    const words =
      perplexity === undefined ? '' : `, perplexity ${short(perplexity.quantized)} (float ${short(perplexity.float)})`
    return `mean KL ${short(language.kl.mean)}, top-1 ${share(language.top1Agreement)}${words}`
  }
  if (embeddings !== undefined) {
    const { cosine, pairs } = embeddings
    const judged =
      pairs === undefined
        ? ''
        : `, Spearman ${pairs.spearman.quantized.toFixed(4)} (float ${pairs.spearman.float.toFixed(4)})`
    return `cosine ${cosine.mean.toFixed(5)}, least ${cosine.min.toFixed(5)}${judged}`
  }
  if (outputs.length === 0) return ''
  const agreement = outputs.map(({ top1Agreement }) => top1Agreement).filter((one) => one !== undefined)
  const cosine = Math.min(...outputs.map((output) => output.cosine))
  return `${agreement.length === 0 ? '' : `top-1 ${share(Math.min(...agreement))}, `}cosine ${cosine.toFixed(5)}`
}

function howMeasured({ variants, runtime }: VariantsReport): string {
  const judged = variants.find(({ verdict }) => verdict.samples > 0)?.verdict
  if (judged === undefined) return 'The files were not run.'
  const data = `${judged.samples} ${judged.data === 'synthetic' ? 'synthetic samples (random inputs: add --eval for figures on real data)' : 'samples'}`
  const text = judged.language?.text === undefined ? '' : `, ${judged.language.text}`
  const where = runtime === undefined ? '' : ` on ${runtime.name} ${runtime.version}`
  return `Measured with ${data}${text}${where}. Sizes of data files are counted; gzip level 9, brotli quality 9.`
}

const short = (value: number): string => String(Number(value.toPrecision(4)))
const share = (value: number): string => `${(100 * value).toFixed(1)} %`
const percent = (after: number, before: number): string =>
  `${after <= before ? '-' : '+'}${Math.abs((100 * (after - before)) / before).toFixed(1)} %`

function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e5 ? 1 : 0)} kB`
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`
}
