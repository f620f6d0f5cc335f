import type { BatchFigures, EmbeddingFigures, LanguageFigures, TruthFigures } from '../model/truth.ts'
import { cosineText, countText, numberText, shareText } from './figures.ts'

/** One line of a table: what it is, in float, in the other, and what to know about it. */
export type TruthRow = readonly [name: string, float: string, quantized: string, note: string]

/** Figures of language, embeddings and batches as lines of one table; none where there are none. */
export function truthRows({ language, embeddings, batch }: TruthFigures): readonly TruthRow[] {
  return [
    ...(language === undefined ? [] : languageRows(language)),
    ...(embeddings === undefined ? [] : embeddingRows(embeddings)),
    ...(batch === undefined ? [] : [batchRow(batch)]),
  ]
}

/** What was counted, in one line. */
export function truthAbout({ language, embeddings }: TruthFigures): string | undefined {
  if (language !== undefined) {
    const text = language.text === undefined ? '' : `, ${language.text}`
    return `${countText(language.positions, 'token')} of ${countText(language.lines, 'line')}${text}`
  }
  if (embeddings === undefined) return undefined
  const how = embeddings.pooling === 'mean' ? 'mean over the mask, normalized' : 'as given, normalized'
  return `${countText(embeddings.texts, 'embedding')} from ${embeddings.output}, ${how}`
}

function languageRows({ kl, perplexity, rightToken, ...agreement }: LanguageFigures): readonly TruthRow[] {
  const rows: TruthRow[] = [
    ['KL to float', '', within(kl.mean, kl.standardError), `99 % ${numberText(kl.p99)}, max ${numberText(kl.max)}`],
    ['same top-1', '', shareText(agreement.top1Agreement), ''],
    ['same top-5', '', shareText(agreement.top5Agreement), 'of the five first choices'],
  ]
  if (perplexity !== undefined) {
    const { float, floatError, quantized, quantizedError, difference, differenceError } = perplexity
    rows.push([
      'perplexity',
      within(float, floatError),
      within(quantized, quantizedError),
      signed(within(difference, differenceError), difference),
    ])
  }
  if (rightToken !== undefined) {
    const points = (share: number) => (100 * share).toFixed(2)
    rows.push([
      'right token',
      '',
      signed(`${points(rightToken.mean)} points`, rightToken.mean),
      `RMS ${points(rightToken.rms)} points`,
    ])
  }
  return rows
}

function embeddingRows({ cosine, neighbours, pairs }: EmbeddingFigures): readonly TruthRow[] {
  const rows: TruthRow[] = [['embeddings', '', cosineText(cosine.mean), `cosine, least ${cosineText(cosine.min)}`]]
  if (neighbours.length > 0) {
    const ranks = neighbours.map(({ k, overlap }) => `${k}: ${shareText(overlap)}`).slice(0, -1)
    const last = neighbours.at(-1)!
    rows.push([
      `nearest ${last.k}`,
      '',
      shareText(last.overlap),
      ranks.length === 0 ? '' : `nearest ${ranks.join(', ')}`,
    ])
  }
  if (pairs !== undefined) {
    const pair = (name: string, { float, quantized, change }: typeof pairs.pearson, note: string): TruthRow => [
      name,
      float.toFixed(4),
      quantized.toFixed(4),
      `${signed(change.toFixed(4), change)}${note}`,
    ]
    rows.push(
      pair('Pearson', pairs.pearson, ` on ${countText(pairs.count, 'pair')}`),
      pair('Spearman', pairs.spearman, ''),
    )
  }
  return rows
}

function batchRow({ float, quantized, texts }: BatchFigures): TruthRow {
  const share = (difference: number) => (difference === 0 ? '0 %' : `${Number((100 * difference).toPrecision(2))} %`)
  const note = `change of a text between alone and in a padded batch of ${texts}`
  return ['in a batch', share(float.difference), share(quantized.difference), note]
}

/** The error says how many digits mean something. */
function within(value: number, error: number): string {
  if (!(error > 0)) return numberText(value)
  const digits = Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(error))))
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`
}

const signed = (text: string, value: number): string => (value > 0 ? `+${text}` : text)
