import { TersorError } from '../errors.ts'
import type { Verdict } from '../model/report.ts'
import type { ComparedOutput } from './compare.ts'
import { type Finding, findingsOf, findingsOfOwnStates } from './findings.ts'
import { lossOf, type MetricFacts } from './metric.ts'
import type { MetricName } from './metric-name.ts'
import type { Thresholds } from './thresholds.ts'

export interface VerdictFacts {
  readonly data: Verdict['data']
  readonly samples: number
  /** Fewest bits a weight has in the result; 16 for half precision. */
  readonly bits: number
  readonly thresholds?: Thresholds
  /** The three arithmetics, as far as they were measured. Fused is what users will see, and decides. */
  readonly reference?: readonly ComparedOutput[]
  readonly unfused?: readonly ComparedOutput[]
  readonly fused?: readonly ComparedOutput[]
  /** As users run it, once more: on states of its own along a sequence whose data give states. Judged beside the others. */
  readonly ownStates?: readonly ComparedOutput[]
  readonly metric?: MetricFacts
  /** What decides where no threshold is given; default the rule of each output's kind. `module`: the loss of `metric`. */
  readonly by?: MetricName | 'module'
  readonly examples?: Verdict['examples']
  /** Tensors with the largest share of error, worst first. */
  readonly worst?: readonly string[]
  readonly filled?: readonly string[]
  /** Why nothing was run, for `unproven`. */
  readonly notRun?: string
}

/**
 * The verdict in words and numbers; a pure function. Every output is judged by the rule of its kind and the worst counts.
 * Values that are not finite where float is finite are refused in any arithmetic, whatever the thresholds.
 * E_USAGE when a given threshold or metric fits no output of this model.
 */
export function verdictOf(facts: VerdictFacts): Verdict {
  const outputs = facts.fused ?? facts.unfused ?? facts.reference ?? []
  const base = {
    data: facts.data,
    samples: facts.samples,
    outputs,
    ...(facts.reference === undefined ? {} : { reference: { outputs: facts.reference } }),
    ...(facts.unfused === undefined ? {} : { unfused: { outputs: facts.unfused } }),
    ...(facts.fused === undefined ? {} : { fused: { outputs: facts.fused } }),
    ...(facts.metric === undefined ? {} : { metric: metricFigures(facts.metric) }),
    ...(facts.examples === undefined || facts.examples.length === 0 ? {} : { examples: facts.examples }),
    worst: facts.worst ?? [],
    filled: facts.filled ?? [],
  }
  if (facts.data === 'none' || facts.samples === 0 || outputs.length === 0) {
    return { ...base, status: 'unproven', because: facts.notRun ?? 'the result was not run' }
  }
  const broken = brokenOutput(facts)
  if (broken !== undefined) return { ...base, status: 'refused', because: broken }

  const findings = [...findingsOf(outputs, facts), ...findingsOfOwnStates(facts)]
  if (findings.length === 0) throw noFit(facts)
  const decisive = findings.reduce((worst, next) => (next.excess > worst.excess ? next : worst))
  const { metric, value, found } = decisive
  const threshold = { metric, value, found }
  if (decisive.excess > 0) return { ...base, status: 'refused', because: because(decisive, facts), threshold }
  const status = facts.data === 'given' ? 'proven' : 'plausible'
  return { ...base, status, because: because(decisive, facts), threshold }
}

function because({ text }: Finding, { data, samples }: VerdictFacts): string {
  const on = `${samples} ${data === 'synthetic' ? 'synthetic ' : ''}sample${samples === 1 ? '' : 's'}`
  return `${text} on ${on}`
}

/** Values that are not finite, or outputs of another shape: nothing else needs to be looked at. */
function brokenOutput({ fused, unfused, reference, ownStates }: VerdictFacts): string | undefined {
  const arithmetics = [
    ['fused', fused],
    ['unfused', unfused],
    ['reference', reference],
    ['on its own states', ownStates],
  ] as const
  for (const [arithmetic, outputs] of arithmetics) {
    for (const { name, nonFinite, mismatched, samples } of outputs ?? []) {
      if (nonFinite > 0)
        return `output "${name}" has ${nonFinite} values that are not finite where float is (${arithmetic})`
      if (mismatched > 0)
        return `output "${name}" has another shape or type than float in ${mismatched} of ${samples} samples`
    }
  }
  return undefined
}

function metricFigures(metric: MetricFacts): Readonly<Record<string, number | string>> {
  const { name, float, quantized, samples } = metric
  return { name, float, quantized, loss: lossOf(metric), ...(samples === undefined ? {} : { samples }) }
}

function noFit({ thresholds = {}, by }: VerdictFacts): TersorError {
  const names = Object.entries(thresholds).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const what = names.length > 0 ? names.join(', ') : `the metric ${by}`
  return new TersorError('E_USAGE', `no output of this model can be judged by ${what}`, {
    hint: 'agreement needs a classifier or language model, divergence needs scores, psnr and ssim pictures; cosine fits every numeric output',
  })
}
