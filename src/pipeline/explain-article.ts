import type { ArticleOutcome } from '../model/explanation.ts'

/** A value by the formulas of the article, as they are written. */
export interface ArticleStep {
  readonly scaled: number
  readonly truncated: number
  readonly code: number
  readonly restored: number
}

export interface ArticleLevels {
  readonly min: number
  readonly max: number
  readonly levels: number
  readonly bits: number
}

/** Pieces of the curve. */
const CURVE = 240

/** width = (max - min) / (levels - 1). */
export const articleWidth = ({ min, max, levels }: ArticleLevels): number => (max - min) / (levels - 1)

/**
 * The article's second step, letter by letter: scaled = x * width / (max - min); truncated = floor(scaled * 2^bits);
 * index = floor(truncated / width); value = levels * width * index. Kept to show what it does; nothing else uses it.
 */
export function articleStep(value: number, ask: ArticleLevels): ArticleStep {
  const width = articleWidth(ask)
  const scaled = value * (width / (ask.max - ask.min))
  const truncated = Math.floor(scaled * 2 ** ask.bits)
  const code = Math.floor(truncated / width)
  return { scaled, truncated, code, restored: ask.levels * width * code }
}

/** All values through those formulas. A range of 0 divides by 0, there as here: then nothing is said. */
export function articleOutcome(values: Float32Array, ask: ArticleLevels, rows: number): ArticleOutcome | undefined {
  if (!(ask.max > ask.min)) return undefined
  const codes = new Set<number>()
  let [lowCode, highCode, maxError] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const value of values) {
    const { code, restored } = articleStep(value, ask)
    codes.add(code)
    if (code < lowCode) lowCode = code
    if (code > highCode) highCode = code
    const error = Math.abs(value - restored)
    if (error > maxError) maxError = error
  }
  const curve = Array.from({ length: CURVE + 1 }, (_, i) => ask.min + ((ask.max - ask.min) * i) / CURVE)
  return {
    factor: 1 / (ask.levels - 1),
    gain: (ask.levels * 2 ** ask.bits) / (ask.levels - 1),
    lowCode,
    highCode,
    differentCodes: codes.size,
    maxError,
    rows: Array.from(values.subarray(0, rows), (value, index) => ({ index, value, ...articleStep(value, ask) })),
    curve: { value: curve, restored: curve.map((value) => articleStep(value, ask).restored) },
  }
}
