import { decibels } from '../evaluation/decibels.ts'
import type { CodeRounding } from '../model/array-scheme.ts'
import type { CompensationKind, Explanation, ExplanationWarning, StageRow } from '../model/explanation.ts'
import type { LevelGrid } from '../numbers/levels.ts'
import { VERSION } from '../version.ts'
import { articleOutcome } from './explain-article.ts'
import { checkExplain, type ExplainOptions } from './explain-ask.ts'
import { type Compensated, compensations, matrixOf } from './explain-compensation.ts'
import { type Corrected, corrections, LEAST_VALUES } from './explain-correction.ts'
import { errorHistogram, runningError, stairsOf, valueHistogram } from './explain-pictures.ts'
import { mapToCodes, type StageGrid, scaleToSteps, truncateSteps, valuesOfCodes } from './explain-stages.ts'

/** Values of which every stage is shown. */
export const SHOWN = 10
const MOST_POINTS = 256
const MOST_RUNNING = 256
const LEAST_NORMAL = 1.1754943508222875e-38

/**
 * The steps of quantization on numbers: levels, scaling, truncation, codes, the way back with its error bound, what compensation
 * and correction bring, and what the article's formulas would have done. Codes are those of
 * `quantizeArray(values, { levels, range, rounding, seed })`. Throws E_USAGE and E_NONFINITE.
 */
export function explain(values: Float32Array, options: ExplainOptions = {}): Explanation {
  const { grid: levels, rounding, seed, rangeGiven, source } = checkExplain(values, options)
  const grid = storedGrid(levels)
  const scaled = scaleToSteps(values, grid)
  const truncated = truncateSteps(scaled, rounding, seed)
  const codes = mapToCodes(truncated, grid.maxCode)
  const decoded = valuesOfCodes(codes, grid)
  const rows = Array.from(
    values.subarray(0, SHOWN),
    (value, index): StageRow => ({
      index,
      value,
      scaled: scaled[index] as number,
      truncated: truncated[index] as number,
      code: codes[index] as number,
      decoded: decoded[index] as number,
      error: value - (decoded[index] as number),
    }),
  )
  const matrix = matrixOf(source.shape, values.length)
  const rowLength = source.shape.length >= 2 ? matrix[1] : values.length
  const compensated = compensations(values, codes, decoded, grid, matrix[1], rowLength)
  const { tried, mask } = corrections({ values, decoded, codes, grid, columns: matrix[1], seed })
  const error = errorOf(values, decoded, levels, promiseOf(levels, grid, rounding))
  const article = articleOutcome(values, levels, SHOWN)
  const bestCompensation = bestOf(compensated)
  const bestCorrection = tried.reduce<Corrected | undefined>(
    (best, next) => (next.outcome.gainDb > (best?.outcome.gainDb ?? 0) ? next : best),
    undefined,
  )
  const feedback = compensated.find(({ outcome }) => outcome.kind === 'feedback') as Compensated
  return {
    tersor: VERSION,
    schema: 1,
    command: 'explain',
    source,
    options: { rounding, seed, rangeGiven },
    levels: {
      count: levels.levels,
      bits: levels.bits,
      min: levels.min,
      max: levels.max,
      range: levels.range,
      step: levels.step,
      precision: levels.precision,
      lowCode: levels.codeRange[0],
      highCode: levels.codeRange[1],
      points: [...levels.points().subarray(0, MOST_POINTS)],
    },
    rows,
    error,
    storage: {
      scheme: `levels${levels.levels}-tensor`,
      floatBytes: 4 * values.length,
      codeBytes: Math.ceil((values.length * levels.bits) / 8),
      parameterBytes: 8,
    },
    ...(article === undefined ? {} : { article }),
    matrix,
    compensation: compensated.map(({ outcome }) => outcome),
    correction: tried.map(({ outcome }) => outcome),
    pictures: {
      values: valueHistogram(values, levels.min, levels.max),
      stairs: stairsOf(grid, rounding, seed),
      errors: {
        plain: errorHistogram(values, decoded, levels.step),
        compensated: errorHistogram(values, bestCompensation.decoded, levels.step),
        corrected: errorHistogram(values, bestCorrection?.decoded ?? decoded, levels.step, mask),
        compensation: bestCompensation.outcome.kind,
        correction: bestCorrection?.outcome.kind ?? 'none',
      },
      running: {
        plain: runningError(values, decoded, Math.min(MOST_RUNNING, rowLength)),
        feedback: runningError(values, feedback.decoded, Math.min(MOST_RUNNING, rowLength)),
      },
    },
    warnings: warningsOf(values, levels, error.clipped, source.total),
  }
}

/** Scale and offset as an array stores them: a step that is no normal f32 becomes 0, one beyond f32 its largest number. */
const storedGrid = ({ step, min, codeRange }: LevelGrid): StageGrid => {
  const rounded = Math.fround(step)
  const scale = rounded < LEAST_NORMAL ? 0 : rounded
  return {
    scale: Number.isFinite(scale) ? scale : 3.4028234663852886e38,
    offset: Math.fround(min),
    maxCode: codeRange[1],
  }
}

const FREE: readonly CompensationKind[] = ['none', 'mean-error', 'refit', 'refit-recode']

/** Least RMS error among those that cost no bytes and work on single values. */
function bestOf(compensated: readonly Compensated[]): Compensated {
  const free = compensated.filter(({ outcome }) => FREE.includes(outcome.kind))
  return free.reduce((best, next) => (next.outcome.rms < best.outcome.rms ? next : best))
}

type Promised = Explanation['error']['promise']

function promiseOf({ step }: LevelGrid, { scale }: StageGrid, rounding: CodeRounding): Promised {
  if (Math.abs(scale - step) > step / 2 ** 23) return 'range'
  return rounding === 'half-even' || rounding === 'half-away' ? 'half-step' : 'step'
}

function errorOf(
  values: Float32Array,
  decoded: Float32Array,
  levels: LevelGrid,
  promise: Promised,
): Explanation['error'] {
  let [max, maxInside, squares, sum, energy, clipped] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number
    const error = value - (decoded[i] as number)
    const size = Math.abs(error)
    if (size > max) max = size
    if (value < levels.min || value > levels.max) clipped += 1
    else if (size > maxInside) maxInside = size
    squares += error * error
    sum += error
    energy += value * value
  }
  const bound = { 'half-step': levels.errorBound, step: levels.step, range: levels.range }[promise]
  // Step, offset and decoded value are each rounded to f32: three halves of an ulp of the largest number in play.
  const slack = (3 * Math.max(Math.abs(levels.min), Math.abs(levels.max), levels.range)) / 2 ** 24
  return {
    max,
    rms: Math.sqrt(squares / values.length),
    mean: sum / values.length,
    sqnrDb: decibels(energy, squares),
    bound,
    promise,
    clipped,
    maxInside,
    within: maxInside <= bound + slack,
  }
}

function warningsOf(values: Float32Array, levels: LevelGrid, clipped: number, total: number): ExplanationWarning[] {
  const warnings: ExplanationWarning[] = []
  if (total > values.length) warnings.push('first-values')
  if (levels.step === 0) warnings.push('all-equal')
  if (clipped > 0) warnings.push('clipped')
  if (values.length < LEAST_VALUES) warnings.push('few-values')
  return warnings
}
