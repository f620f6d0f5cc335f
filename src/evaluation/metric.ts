import type { Verdict } from '../model/report.ts'
import type { Feeds, Sample } from '../model/runtime.ts'

/** A metric of the task, measured on both models. */
export interface MetricFacts {
  readonly name: string
  readonly float: number
  readonly quantized: number
  readonly higherIsBetter: boolean
  /** Answers that were counted. */
  readonly samples?: number
}

/** Collects a metric of the task sample by sample, on the answers of both models. */
export interface MetricMeter {
  add(sample: Sample, float: Feeds, quantized: Feeds): Promise<void> | void
  /** E_USAGE when nothing could be counted. */
  facts(): MetricFacts
  /** A few samples and what was answered; wrong ones first, then those where the models disagree. */
  examples(): NonNullable<Verdict['examples']>
  /** What a reader should know about the figures. */
  notes(): readonly string[]
}

/** What is lost against float, as a share of the float figure; negative is a gain. Where float is 0: the plain difference. */
export function lossOf({ float, quantized, higherIsBetter }: MetricFacts): number {
  const lost = higherIsBetter ? float - quantized : quantized - float
  return float === 0 ? lost : lost / Math.abs(float)
}
