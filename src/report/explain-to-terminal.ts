import type { Explanation } from '../model/explanation.ts'
import { type ExplainWords, filled, type Language, wordsOf } from './explain-words.ts'
import { bytesText, decibelText, numberText, wholeText } from './figures.ts'
import { printable, shorten } from './printable.ts'
import { COLORS, type Paint, PLAIN, textTable } from './text-table.ts'

export interface ExplainTextOptions {
  readonly color?: boolean
  readonly language?: Language
  /** The report that was written. */
  readonly report?: string
}

/** What `explain` prints: the five steps with their numbers, then what the article's formulas would have done. */
export function explainToTerminal(explanation: Explanation, options: ExplainTextOptions = {}): string {
  const paint = options.color ? COLORS : PLAIN
  const words = wordsOf(options.language ?? 'en')
  const blocks = [
    heading(explanation, words, paint),
    levelLines(explanation, words, paint),
    quantizeLines(explanation, words, paint),
    compensationLines(explanation, words, paint),
    correctionLines(explanation, words, paint),
    dequantizeLines(explanation, words, paint),
    articleLines(explanation, words, paint),
    noteLines(explanation, words, paint),
    options.report === undefined ? [] : [`${words.written}  ${paint.name(printable(options.report))}`],
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

export const sourceText = ({ source }: Explanation, words: ExplainWords): string =>
  filled(words.source[source.kind], { count: wholeText(source.count), label: shorten(source.label, 80) })

export const summaryText = ({ levels, options }: Explanation, words: ExplainWords): string =>
  filled(words.summary, {
    min: numberText(levels.min),
    max: numberText(levels.max),
    levels: wholeText(levels.count),
    bits: levels.bits,
    rounding: words.rounding[options.rounding],
  })

function heading(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  return [paint.bold(sourceText(explanation, words)), summaryText(explanation, words)]
}

/** Step, precision, codes and the first levels, a line each. */
export function levelTexts({ levels }: Explanation, words: ExplainWords): string[] {
  const shown = levels.points.slice(0, 8).map(numberText).join(', ')
  return [
    filled(words.levels.step, {
      range: numberText(levels.range),
      intervals: wholeText(levels.count - 1),
      step: numberText(levels.step),
    }),
    filled(words.levels.precision, { bits: levels.bits, precision: String(levels.precision) }),
    filled(words.levels.codes, { low: levels.lowCode, high: levels.highCode }),
    filled(words.levels.points, { points: levels.count > 8 ? `${shown} ...` : shown }),
  ]
}

function levelLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  const lines = levelTexts(explanation, words).map((text) => `  ${text}`)
  return [paint.bold(`1  ${words.levels.title}`), paint.dim(words.levels.about), ...lines]
}

export const quantizeText = ({ levels, options, rows }: Explanation, words: ExplainWords): string =>
  filled(words.quantize.about, {
    rounding: words.rounding[options.rounding],
    low: levels.lowCode,
    high: levels.highCode,
    rows: rows.length,
  })

function quantizeLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  const { columns } = words
  const head = [
    columns.index,
    columns.value,
    columns.scaled,
    columns.truncated,
    columns.code,
    columns.decoded,
    columns.error,
  ]
  const rows = explanation.rows.map((row) => [
    String(row.index),
    numberText(row.value),
    numberText(row.scaled),
    String(row.truncated),
    String(row.code),
    numberText(row.decoded),
    numberText(row.error),
  ])
  return [
    paint.bold(`2  ${words.quantize.title}`),
    paint.dim(quantizeText(explanation, words)),
    ...textTable([head.map(paint.dim), ...rows], 'rrrrrrr'),
  ]
}

/** An error in steps; in its own unit where there is no step; empty where it could not be measured. */
export const stepsText = (error: number | null, { levels }: Explanation): string =>
  error === null ? '' : numberText(levels.step > 0 ? error / levels.step : error)

export const compensationText = ({ matrix }: Explanation, words: ExplainWords): string =>
  filled(words.compensation.about, { rows: wholeText(matrix[0]), columns: wholeText(matrix[1]) })

function compensationLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  const { compensation } = words
  const head = [
    '',
    compensation.max,
    compensation.rms,
    compensation.mean,
    'SQNR',
    compensation.runs,
    compensation.tiles,
  ]
  const steps = (error: number | null) => stepsText(error, explanation)
  const rows = explanation.compensation.map((row) => [
    compensation.kind[row.kind],
    steps(row.max),
    steps(row.rms),
    steps(row.mean),
    decibelText(row.sqnrDb),
    steps(row.runRms),
    steps(row.tileRms),
    row.byteLength === 0 ? '' : bytesText(row.byteLength),
  ])
  return [
    paint.bold(`3  ${compensation.title}`),
    paint.dim(compensationText(explanation, words)),
    ...textTable([[...head, compensation.bytes].map(paint.dim), ...rows], 'lrrrrrrr'),
  ]
}

export const correctionText = ({ correction }: Explanation, words: ExplainWords): string =>
  filled(words.correction.about, { heldOut: wholeText(correction[0]?.heldOut ?? 0) })

/** `+1.23 dB`. */
export const gainText = (decibels: number): string => `${decibels > 0 ? '+' : ''}${decibels.toFixed(2)} dB`

function correctionLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  if (explanation.correction.length === 0) return []
  const { correction } = words
  const head = [correction.model, correction.bytes, correction.gain, correction.breakEven, correction.worth]
  const rows = explanation.correction.map((row) => [
    correction.kind[row.kind],
    wholeText(row.byteLength),
    gainText(row.gainDb),
    gainText(row.breakEvenDb),
    row.pays ? paint.good(correction.pays) : paint.dim(correction.paysNot),
  ])
  return [
    paint.bold(`4  ${correction.title}`),
    paint.dim(correctionText(explanation, words)),
    ...textTable([head.map(paint.dim), ...rows], 'lrrrl'),
  ]
}

/** What the way back promises, what was measured, and what it all takes; a sentence each. */
export function dequantizeTexts({ error, storage }: Explanation, words: ExplainWords): string[] {
  const { dequantize } = words
  const promise = filled(error.within ? dequantize.kept : dequantize.broken, {
    promise: dequantize.promise[error.promise],
    bound: numberText(error.bound),
    max: numberText(error.maxInside),
    rms: numberText(error.rms),
    sqnr: decibelText(error.sqnrDb),
  })
  const clipped = filled(dequantize.clipped, { count: wholeText(error.clipped), max: numberText(error.max) })
  const size = filled(dequantize.storage, {
    codes: bytesText(storage.codeBytes),
    parameters: bytesText(storage.parameterBytes),
    floats: bytesText(storage.floatBytes),
  })
  return [promise, ...(error.clipped > 0 ? [clipped] : []), size]
}

function dequantizeLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  const lines = dequantizeTexts(explanation, words).map((text) => `  ${text}`)
  return [paint.bold(`5  ${words.dequantize.title}`), paint.dim(words.dequantize.about), ...lines]
}

/** What the article's formulas come to; nothing where they divide by 0. */
export function articleText({ article, levels }: Explanation, words: ExplainWords): string | undefined {
  return (
    article &&
    filled(words.article.result, {
      gain: numberText(article.gain),
      different: wholeText(article.differentCodes),
      low: article.lowCode,
      high: article.highCode,
      last: levels.highCode,
      max: numberText(article.maxError),
    })
  )
}

function articleLines(explanation: Explanation, words: ExplainWords, paint: Paint): string[] {
  const text = articleText(explanation, words)
  if (text === undefined) return []
  return [paint.bold(words.article.title), paint.dim(words.article.about), `  ${text}`]
}

export const warningTexts = ({ warnings, source, error }: Explanation, words: ExplainWords): string[] =>
  warnings.map((code) =>
    filled(words.warning[code], {
      count: wholeText(source.count),
      total: wholeText(source.total),
      clipped: wholeText(error.clipped),
    }),
  )

const noteLines = (explanation: Explanation, words: ExplainWords, paint: Paint): string[] =>
  warningTexts(explanation, words).map((text) => `${paint.warn(words.warningTitle)}  ${text}`)
