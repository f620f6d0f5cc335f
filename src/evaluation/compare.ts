import { TersorError } from '../errors.ts'
import type { OutputFigures } from '../model/report.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { decibels, EXACT_DB } from './decibels.ts'
import { type Numbers, numbersOf } from './elements.ts'
import { isPictureShape, type Medium, type MediumFacts, mediumOf } from './medium.ts'
import { cosineMeter } from './metrics/cosine.ts'
import { equalityMeter } from './metrics/equality.ts'
import { klMeter } from './metrics/kl.ts'
import { likelyAgreementMeter } from './metrics/likely-agreement.ts'
import { maxAbsMeter } from './metrics/max-abs.ts'
import { countNonFinite } from './metrics/non-finite.ts'
import { psnrMeter } from './metrics/psnr.ts'
import { sqnrMeter } from './metrics/sqnr.ts'
import { SSIM_SIDE, ssimMeter } from './metrics/ssim.ts'
import { top1Meter } from './metrics/top1.ts'
import { type KindHints, type OutputKind, type OutputShape, outputShapeOf } from './output-kind.ts'

/** The figures of one output over all samples, and what the verdict needs to know about it. All numbers are finite. */
export interface ComparedOutput extends OutputFigures {
  readonly kind: OutputKind
  readonly samples: number
  /** Samples where the two sides differ in type or shape; their elements are in no other figure. */
  readonly mismatched: number
  /** True when float gives zeros (or rounding noise) only: then `cosine` is 1 and `maxAbs` decides. */
  readonly zero: boolean
  /** True where every sample is one number: its cosine is that of all samples as one vector, and noise decides. */
  readonly single?: boolean
  /** True where values lie between 0 and 1 whatever is fed. */
  readonly share?: boolean
  /** The largest magnitude in float. */
  readonly referenceMaxAbs: number
  /** Share of equal elements, for integers, booleans and strings. */
  readonly equal?: number
  /** What `equal` is a share of. */
  readonly elements?: number
  /** What `top1Agreement` is a share of. */
  readonly answers?: number
  /** Share of first choices that are likely to stay, by margins and noise; where answers are few. */
  readonly likelyAgreement?: number
  readonly klP99?: number
  readonly klMax?: number
  /** Values of rank 4 only; the peak is white minus black where it is a picture, else the range of float. */
  readonly psnrDb?: number
  /** Pictures of one or three colours only: mean structural similarity, 1 where they are the same. */
  readonly ssim?: number
  readonly medium?: Medium
  /** True for a state that is fed back: its error is in the other outputs too. */
  readonly carried?: boolean
  /** The sample with the lowest cosine. */
  readonly worstSample?: { readonly label: string; readonly cosine: number }
}

export interface OutputAccumulator {
  add(reference: Value, candidate: Value, label: string): void
  figures(): ComparedOutput
}

/** Collects the figures of one output, sample by sample, without keeping any value. */
export function outputAccumulator(name: string, hints: KindHints = {}): OutputAccumulator {
  const cosine = cosineMeter()
  const sqnr = sqnrMeter()
  const psnr = psnrMeter()
  const ssim = ssimMeter()
  const maxAbs = maxAbsMeter()
  const top1 = top1Meter()
  const likely = likelyAgreementMeter()
  const kl = klMeter()
  const equality = equalityMeter()
  const labels: string[] = []
  let shape: OutputShape | undefined
  let nonFinite = 0
  let samples = 0
  let mismatched = 0
  let pictures = true
  let medium: MediumFacts | undefined
  let peak: number | undefined

  return {
    add(reference, candidate, label) {
      samples += 1
      if (!alike(reference, candidate)) {
        mismatched += 1
        return
      }
      const first = shape === undefined
      shape ??= outputShapeOf(name, reference, hints)
      if (shape.kind === 'exact') equality.add(reference, candidate)
      if (!(reference.data instanceof Uint8Array)) return
      const a = numbersOf(reference, name)
      const b = numbersOf(candidate, name)
      labels.push(label)
      if (first && shape.kind === 'values') {
        medium = mediumOf(name, reference, a, hints.inputs ?? [])
        if (medium?.range !== undefined) peak = medium.range.high - medium.range.low
      }
      nonFinite += countNonFinite(a, b)
      cosine.add(a, b)
      sqnr.add(a, b)
      maxAbs.add(a, b)
      if (reference.shape.length === 4) psnr.add(a, b)
      else pictures = false
      if (shape.kind === 'values' && isPictureShape(reference.shape, SSIM_SIDE) && hints.carried?.has(name) !== true) {
        peak ??= reachOf(a)
        const [, , height = 0, width = 0] = reference.shape
        ssim.add(a, b, height, width, peak)
      }
      // A later sample may have another number of classes when the last axis is free.
      if (shape.classes > 0 && a.length % shape.classes === 0) {
        top1.add(a, b, shape.classes)
        if (shape.kind === 'classes') likely.add(a, b, shape.classes, shape.probabilities)
        kl.add(a, b, shape.classes, shape.probabilities)
      }
    },
    figures() {
      const likelyAgreement = likely.value()
      const kind = shape?.kind ?? 'values'
      const compared = samples - mismatched
      const strings = labels.length === 0 && compared > 0
      const zero = compared > 0 && !strings && cosine.zero()
      const worst = cosine.worst()
      return {
        name,
        kind,
        samples,
        mismatched,
        zero,
        ...(cosine.single() ? { single: true } : {}),
        cosine: strings ? equality.value() : zero ? 1 : finite(cosine.mean(), 0),
        sqnrDb: strings ? decibels(equality.value(), 1 - equality.value()) : compared === 0 ? -EXACT_DB : sqnr.value(),
        maxAbs: maxAbs.value(),
        referenceMaxAbs: maxAbs.ofReference(),
        nonFinite,
        ...(kind === 'exact' ? { equal: equality.value(), elements: equality.count() } : {}),
        ...(top1.rows() > 0 ? { top1Agreement: top1.value(), answers: top1.rows() } : {}),
        ...(likelyAgreement === undefined ? {} : { likelyAgreement }),
        ...(kl.rows() > 0 ? { kl: kl.mean(), klP99: kl.p99(), klMax: kl.max() } : {}),
        ...(pictures && kind === 'values' && labels.length > 0
          ? { psnrDb: psnr.value(medium?.range === undefined ? undefined : peak) }
          : {}),
        ...(Number.isNaN(ssim.mean()) ? {} : { ssim: ssim.mean() }),
        ...(medium === undefined ? {} : { medium: medium.medium }),
        ...(hints.carried?.has(name) === true ? { carried: true } : {}),
        ...(hints.shares?.has(name) === true ? { share: true } : {}),
        ...(worst === undefined ? {} : { worstSample: { label: labels[worst.sample]!, cosine: worst.cosine } }),
      }
    },
  }
}

export interface Comparison {
  /** One sample through both models. Outputs that only one side has are an E_INTERNAL when `names` asked for them. */
  add(reference: Feeds, candidate: Feeds, label: string): void
  /** In the order of `names`. */
  figures(): readonly ComparedOutput[]
}

/** Collects the figures of all outputs of two models that run on the same samples. */
export function comparison(names: readonly string[], hints: KindHints = {}): Comparison {
  const accumulators = names.map((name) => [name, outputAccumulator(name, hints)] as const)
  return {
    add(reference, candidate, label) {
      for (const [name, accumulator] of accumulators) {
        const a = reference[name]
        const b = candidate[name]
        if (a === undefined || b === undefined) {
          const side = a === undefined ? 'first' : 'second'
          throw new TersorError('E_INTERNAL', `output "${name}" is missing from the ${side} model's results`, {
            where: name,
          })
        }
        accumulator.add(a, b, label)
      }
    },
    figures: () => accumulators.map(([, accumulator]) => accumulator.figures()),
  }
}

/** The figures of results that are there already: pairs of the same sample, one at a time. */
export async function compareOutputs(
  reference: AsyncIterable<Feeds> | Iterable<Feeds>,
  candidate: AsyncIterable<Feeds> | Iterable<Feeds>,
  hints: KindHints = {},
): Promise<readonly ComparedOutput[]> {
  const others = iteratorOf(candidate)
  let collected: Comparison | undefined
  let sample = 0
  for await (const first of reference) {
    const second = await others.next()
    if (second.done === true)
      throw new TersorError('E_INTERNAL', `expected a second result for sample ${sample}, found none`)
    collected ??= comparison(Object.keys(first), hints)
    collected.add(first, second.value, `sample ${sample}`)
    sample += 1
  }
  return collected?.figures() ?? []
}

function iteratorOf(values: AsyncIterable<Feeds> | Iterable<Feeds>): AsyncIterator<Feeds> | Iterator<Feeds> {
  return Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]()
}

function alike(a: Value, b: Value): boolean {
  const types = a.dtype === b.dtype || (isFloat(a.dtype) && isFloat(b.dtype))
  return types && a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis])
}

/** Of the first picture, where nothing says what black and white are. */
function reachOf(values: Numbers): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return high > low ? high - low : 1
}

function finite(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise
}
