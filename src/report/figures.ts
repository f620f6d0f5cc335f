import type { OutputFigures } from '../model/report.ts'

/** `1.23 MB`, powers of ten as in the contract; bytes below 1 kB are whole. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let rank = 0
  while (Math.abs(value) >= 999.5 && rank < units.length - 1) {
    value /= 1000
    rank++
  }
  if (rank === 0) return `${bytes} B`
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[rank]}`
}

/** `-73.6 %`, `+1.0 %`; the change from `before` to `after`. */
export function changeText(before: number, after: number): string {
  if (before === 0) return after === 0 ? '0.0 %' : 'new'
  const change = (100 * (after - before)) / before
  return `${change > 0 ? '+' : change < 0 ? '-' : ''}${Math.abs(change).toFixed(1)} %`
}

/** A share as percent, never rounded up to 100. */
export function shareText(share: number): string {
  if (!Number.isFinite(share)) return numberText(share)
  const percent = 100 * share
  if (percent < 100 && percent.toFixed(2) === '100.00') return '99.99 %'
  return `${percent.toFixed(2)} %`
}

/** As many nines as matter: 0.99987, 0.9999987; 1 only when it is 1. */
export function cosineText(cosine: number): string {
  if (!Number.isFinite(cosine)) return numberText(cosine)
  for (const digits of [5, 7, 9, 12]) {
    const text = cosine.toFixed(digits)
    if (cosine >= 1 || !text.startsWith('1')) return text
  }
  return '0.999999999999'
}

export function decibelText(decibels: number): string {
  if (decibels === Number.POSITIVE_INFINITY) return 'exact'
  return Number.isFinite(decibels) ? `${decibels.toFixed(1)} dB` : numberText(decibels)
}

/** Four significant digits, exponent only where it is needed. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'not a number'
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : '-infinite'
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value)
  const size = Math.abs(value)
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2)
}

export function durationText(milliseconds: number): string {
  if (milliseconds < 999.5) return `${milliseconds.toFixed(0)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** A bare version is the least one; anything else already says what it means. */
export const atLeast = (version: string): string => (/^\d/.test(version) ? `>= ${version}` : version)

/** What `auto` chose and why, from the options of a report; undefined when the user chose. */
export function autoChoice(options: Readonly<Record<string, unknown>>): string | undefined {
  const { to, preset, presetBecause } = options
  if ((to !== undefined && to !== 'auto') || typeof preset !== 'string' || preset === 'auto') return undefined
  return `auto chose ${preset}${typeof presetBecause === 'string' ? `: ${presetBecause}` : ''}`
}

/** 1234567 as 1,234,567. `toLocaleString` would load a locale, which takes longer than all else a report needs. */
export const wholeText = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${wholeText(count)} ${count === 1 ? one : many}`

export const shapeText = (shape: readonly (number | string | null)[]): string =>
  shape.length === 0 ? 'scalar' : shape.map((dimension) => dimension ?? '?').join('x')

/** The least favourable figure of each kind over all outputs: what a user should look at first. */
export function worstFigures(outputs: readonly OutputFigures[]): OutputFigures | undefined {
  const first = outputs[0]
  if (first === undefined) return undefined
  // NaN is the least favourable of all, and Math.min passes it on.
  const least = (pick: (figures: OutputFigures) => number | undefined, fold: (...values: number[]) => number) => {
    const values = outputs.map(pick).filter((value) => value !== undefined)
    return values.length === 0 ? undefined : fold(...values)
  }
  const agreement = least((figures) => figures.top1Agreement, Math.min)
  const kl = least((figures) => figures.kl, Math.max)
  // Of pictures only: other values of four axes have a peak that means nothing to people.
  const pictures = outputs.filter(({ medium }) => medium === 'picture')
  const psnrDb = pictures.length === 0 ? undefined : Math.min(...pictures.map((one) => one.psnrDb ?? Number.NaN))
  const ssim = least((figures) => (figures.medium === 'picture' ? figures.ssim : undefined), Math.min)
  return {
    name: outputs.length === 1 ? first.name : `worst of ${outputs.length} outputs`,
    cosine: least((figures) => figures.cosine, Math.min)!,
    sqnrDb: least((figures) => figures.sqnrDb, Math.min)!,
    maxAbs: least((figures) => figures.maxAbs, Math.max)!,
    nonFinite: outputs.reduce((sum, figures) => sum + figures.nonFinite, 0),
    ...(agreement === undefined ? {} : { top1Agreement: agreement }),
    ...(kl === undefined ? {} : { kl }),
    ...(psnrDb === undefined ? {} : { psnrDb }),
    ...(ssim === undefined ? {} : { ssim }),
  }
}
