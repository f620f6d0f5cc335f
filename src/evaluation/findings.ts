import type { ComparedOutput } from './compare.ts'
import { lossOf, type MetricFacts } from './metric.ts'
import type { MetricName } from './metric-name.ts'
import {
  MAX_BOX_LOSS,
  MAX_KL,
  MAX_LOSS,
  MAX_ZERO_ERROR,
  MIN_AGREEMENT,
  MIN_EQUAL,
  minCosineOf,
  minPsnrOf,
  minSnrOf,
  minSsimOf,
} from './thresholds.ts'
import type { VerdictFacts } from './verdict.ts'

/** One threshold against one figure. */
export interface Finding {
  readonly metric: string
  readonly value: number
  readonly found: number
  /** How far beyond the threshold, as a share of what it allows; <= 0 is met. */
  readonly excess: number
  readonly text: string
}

type Basis = Pick<VerdictFacts, 'bits' | 'data' | 'thresholds' | 'metric' | 'by'>

/** Every comparison that counts: the given thresholds where there are any, else the chosen metric, else the rule of each output's kind. */
export function findingsOf(outputs: readonly ComparedOutput[], basis: Basis): readonly Finding[] {
  const { minCosine, minAgreement, maxKl, maxLoss } = basis.thresholds ?? {}
  const judged = judgedOf(outputs)
  const given = [minCosine, minAgreement, maxKl, maxLoss].some((threshold) => threshold !== undefined)
  if (!given) {
    const reach = outputs.reduce((most, { referenceMaxAbs }) => Math.max(referenceMaxAbs, most), 0)
    const ofTask = basis.by === undefined ? undefined : TASK_LOSS.get(basis.by)
    if (ofTask !== undefined) return basis.metric ? [lossFinding(ofTask, basis.metric)] : []
    if (basis.by !== undefined)
      return judged.flatMap((output) => findingBy(basis.by as MetricName, output, basis, reach))
    return withoutFewLabels(
      judged.map((output) => ({ output, finding: defaultFinding(output, basis, reach) })),
      basis,
    )
  }
  const findings: Finding[] = []
  for (const output of judged) {
    const { name, kind, cosine, top1Agreement, kl } = output
    const label = `output "${name}"`
    if (minCosine !== undefined && !output.zero) findings.push(atLeast('cosine', minCosine, cosine, label))
    if (minAgreement !== undefined && top1Agreement !== undefined) {
      findings.push(atLeast('top1Agreement', minAgreement, top1Agreement, label))
    }
    if (maxKl !== undefined && kl !== undefined) findings.push(atMost('kl', maxKl, kl, label))
    if (maxLoss !== undefined && basis.metric === undefined) {
      // Without a metric on labels, what float itself says is the label.
      const same = kind === 'exact' ? (output.equal ?? 0) : (top1Agreement ?? cosine)
      const kept = basis.by === 'cosine' ? cosine : basis.by === 'top1' ? top1Agreement : same
      if (kept !== undefined) findings.push(atMost('loss', maxLoss, 1 - kept, label))
    }
  }
  if (maxLoss !== undefined && basis.metric !== undefined) findings.push(lossFinding(maxLoss, basis.metric))
  return findings
}

/** The same rules for a run on states of its own. What the task says has no second figure. */
export function findingsOfOwnStates({ ownStates = [], ...facts }: VerdictFacts): readonly Finding[] {
  const { metric: _metric, thresholds, ...basis } = facts
  const { maxLoss, ...others } = thresholds ?? {}
  const lossOfTask = maxLoss !== undefined && facts.metric !== undefined
  if (lossOfTask && Object.values(others).every((threshold) => threshold === undefined)) return []
  if (basis.by !== undefined && TASK_LOSS.has(basis.by) && maxLoss === undefined) return []
  const found = findingsOf(ownStates, { ...basis, thresholds: lossOfTask ? others : (thresholds ?? {}) })
  return found.map((finding) => ({ ...finding, text: `${finding.text} on states of its own` }))
}

/** Metrics of the task and the share of the float figure that may be lost. */
const TASK_LOSS: ReadonlyMap<string, number> = new Map([
  ['module', MAX_LOSS],
  ['bits', MAX_LOSS],
  ['boxes', MAX_BOX_LOSS],
])

/** States that each model fed back to itself show in what it answers; that is judged, where there is any. */
function judgedOf(outputs: readonly ComparedOutput[]): readonly ComparedOutput[] {
  const others = outputs.filter(({ carried }) => carried !== true)
  return others.length > 0 ? others : outputs
}

function lossFinding(most: number, metric: MetricFacts): Finding {
  return atMost('loss', most, lossOf(metric), metric.name)
}

/** The rule of one metric, for outputs that it fits. */
function findingBy(by: MetricName, output: ComparedOutput, { bits }: Basis, reach: number): readonly Finding[] {
  const label = `output "${output.name}"`
  const { top1Agreement, kl, psnrDb, ssim } = output
  if (by === 'top1') return top1Agreement === undefined ? [] : [agreementFinding(output)]
  if (by === 'kl') return kl === undefined ? [] : [atMost('kl', MAX_KL, kl, label)]
  if (by === 'psnr') return psnrDb === undefined ? [] : [atLeast('psnrDb', minPsnrOf(bits), psnrDb, label)]
  if (by === 'ssim') return ssim === undefined ? [] : [atLeast('ssim', minSsimOf(bits), ssim, label)]
  if (output.zero) return [zeroFinding(output, reach)]
  if (by === 'snr') return [atLeast('sqnrDb', minSnrOf(bits), output.sqnrDb, label)]
  return [atLeast('cosine', minCosineOf(bits), output.cosine, label)]
}

function zeroFinding({ name, maxAbs }: ComparedOutput, reach: number): Finding {
  return atMost('maxAbs', MAX_ZERO_ERROR * (reach > 0 ? reach : 1), maxAbs, `output "${name}" (zero in float)`)
}

/**
 * A few labels beside the scores that they were chosen by: a single other one says little, and what made-up inputs are called says
 * nothing. The scores decide, or other outputs.
 */
function withoutFewLabels(
  found: readonly { readonly output: ComparedOutput; readonly finding: Finding }[],
  { data }: Basis,
): readonly Finding[] {
  const few = ({ kind, equal = 0, elements = 0 }: ComparedOutput): boolean =>
    kind === 'exact' && elements < FEW_LABELS && (data === 'synthetic' || elements * (1 - equal) < 1.5)
  const decisive = found.filter(({ output, finding }) => finding.excess <= 0 || !few(output))
  const others = decisive.some(({ output }) => output.kind !== 'exact')
  return (others ? decisive : found).map(({ finding }) => finding)
}

/** Fewer cannot be counted to a part of fifty. */
const FEW_LABELS = 50

function defaultFinding(output: ComparedOutput, { bits, data }: Basis, reach: number): Finding {
  const label = `output "${output.name}"`
  if (output.kind === 'exact') return atLeast('equal', MIN_EQUAL, output.equal ?? 0, label)
  if (output.zero) return zeroFinding(output, reach)
  if (output.kind === 'logits' && output.kl !== undefined) return atMost('kl', MAX_KL, output.kl, label)
  if (data === 'synthetic' && output.share === true && output.referenceMaxAbs < NOTHING)
    return atMost('maxAbs', NOTHING, output.maxAbs, `${label} (finds nothing in made-up inputs)`)
  if (output.medium === 'picture' && output.psnrDb !== undefined)
    return atLeast('psnrDb', minPsnrOf(bits), output.psnrDb, label)
  if (output.medium === 'waveform' || output.medium === 'spectrum')
    return atLeast('sqnrDb', minSnrOf(bits), output.sqnrDb, label)
  if (output.single === true) return atLeast('sqnrDb', minSnrOf(bits), output.sqnrDb, label)
  const byCosine = atLeast('cosine', minCosineOf(bits), output.cosine, label)
  if (output.kind !== 'classes' || output.top1Agreement === undefined) return byCosine
  const byAgreement = agreementFinding(output)
  // Made-up inputs belong to no class: which of two nearly equal scores wins there says little, the direction says more.
  // An estimate that is nearly met may be wrong, too.
  const chance = data === 'synthetic' || (byAgreement.metric === 'likelyAgreement' && byAgreement.found >= NEARLY)
  return chance && byAgreement.excess > 0 && byCosine.excess <= 0 ? byCosine : byAgreement
}

/**
 * A few dozen answers cannot be counted to a part of fifty: by margins and noise instead, unless more of them changed than chance
 * explains. That is an estimate, too: where the count is met it may say twice the loss.
 */
function agreementFinding({ name, answers = 0, top1Agreement = 0, likelyAgreement }: ComparedOutput): Finding {
  const label = `output "${name}"`
  const counted = atLeast('top1Agreement', MIN_AGREEMENT, top1Agreement, label)
  if (likelyAgreement === undefined) return counted
  const expected = answers * (1 - likelyAgreement)
  const changed = answers * (1 - top1Agreement)
  if (changed > expected + CHANCE * Math.sqrt(expected * likelyAgreement) + 1) return counted
  const likely = atLeast('likelyAgreement', MIN_AGREEMENT, likelyAgreement, label)
  return likely.excess > 0 && counted.excess <= 0 && likelyAgreement >= NEARLY ? counted : likely
}

/** An estimate of twice the loss that is allowed. */
const NEARLY = 1 - 2 * (1 - MIN_AGREEMENT)
/** A detector's share that says no, everywhere: of such shares the direction is noise. */
const NOTHING = 0.01
/** Standard deviations that chance explains. */
const CHANCE = 3

const WORDS: ReadonlyMap<string, string> = new Map([
  ['cosine', 'cosine'],
  ['top1Agreement', 'top-1 agreement'],
  ['likelyAgreement', 'likely top-1 agreement'],
  ['kl', 'mean KL'],
  ['equal', 'share of equal elements'],
  ['maxAbs', 'largest difference'],
  ['sqnrDb', 'SQNR in dB'],
  ['psnrDb', 'PSNR in dB'],
  ['ssim', 'structural similarity'],
  ['loss', 'loss against float'],
])

function atLeast(metric: string, value: number, found: number, label: string): Finding {
  // NaN is never enough.
  const enough = found >= value
  // Shares miss by a part of what they may lose, decibels by a part of themselves.
  const allowed = value <= 1 ? Math.max(1 - value, 1e-9) : Math.max(value, 1)
  const excess = enough ? (value - found) / allowed : Math.max((value - found) / allowed || 1, Number.MIN_VALUE)
  return {
    metric,
    value,
    found,
    excess,
    text: `${label}: ${words(metric)} ${figure(found)} ${enough ? '>=' : '<'} ${value}`,
  }
}

function atMost(metric: string, value: number, found: number, label: string): Finding {
  const enough = found <= value
  const allowed = Math.max(value, 1e-9)
  const excess = enough ? (found - value) / allowed : Math.max((found - value) / allowed || 1, Number.MIN_VALUE)
  return {
    metric,
    value,
    found,
    excess,
    text: `${label}: ${words(metric)} ${figure(found)} ${enough ? '<=' : '>'} ${figure(value)}`,
  }
}

function words(metric: string): string {
  return WORDS.get(metric) ?? metric
}

/** Enough digits to see the difference to a threshold, without trailing zeros. */
function figure(value: number): string {
  return String(Number(value.toPrecision(6)))
}
