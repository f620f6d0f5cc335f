import { expNegative } from '../evaluation/exponential.ts'
import type { Verdict } from '../model/report.ts'
import type { Ask, Relaxation } from './ask.ts'
import type { WeightWork } from './plan.ts'
import type { Decided } from './run.ts'
import { tensorKey } from './tensor-key.ts'

/** Verdicts that are refused for too much error are tried again with more precision, at most so often. */
export const MOST_ATTEMPTS = 6

/**
 * Predictions are aimed this much below the threshold, because errors of layers are not quite independent: little at
 * first, so that no byte is spent without need, more when that was not enough.
 */
const FIRST_AIM = 0.9
const NEXT_AIM = 0.6

/**
 * Share of the quantized elements that may be relaxed. Beyond it the result is no longer what was asked for: better refused,
 * with the reason, than quietly something else. Half precision may take more of an 8-bit result, which still saves 60 %.
 */
const MOST_RELAXED = 0.25
const MOST_HALVED = 0.6

/** What `auto` falls back to, when what it chose is refused and cannot be relaxed. */
const FALLBACKS: ReadonlyMap<string, string> = new Map([
  ['int8', 'int8-weights'],
  ['int8-weights', 'fp16-weights'],
])

/** `auto` with the next safer preset; null when something else was asked for or nothing safer is left. */
export function fallBack(decided: Decided, asked: Ask, ask: Ask): Ask | null {
  const next = asked.to === 'auto' ? FALLBACKS.get(decided.plan.preset) : undefined
  if (next === undefined) return null
  const { relaxed: _relaxed, ...rest } = ask
  return { ...rest, to: next }
}

/** Forms whose activations are quantized when they run. */
const RUN_TIME_FORMS = new Set(['matmul-integer-rows', 'matmul-integer', 'dynamic-matmul', 'dynamic-lstm'])

/** More precision for one weight, and what share of its noise remains; null when there is none. */
function nextRung(work: WeightWork): { readonly what: string; readonly remains: number; readonly says: string } | null {
  if (work.spec.family === 'half') return null
  if (RUN_TIME_FORMS.has(work.form)) {
    return { what: 'int8-weights', remains: 0.1, says: 'activations stay float' }
  }
  if (work.spec.bits < 8) return { what: 'int8-weights', remains: 1 / 128, says: '8 bits instead' }
  return { what: 'fp16-weights', remains: 1 / 1000, says: 'half precision instead' }
}

/**
 * The factor by which noise power must fall for the verdict to pass: cosine and divergence are linear in noise power,
 * first choices that change go with its square root. Null when more precision is no answer.
 */
export function neededReduction(verdict: Verdict): number | null {
  const { threshold } = verdict
  if (verdict.status !== 'refused' || !threshold) return null
  const { metric, value, found } = threshold
  const name = metric.toLowerCase()
  if (name.includes('cosine')) return found >= 1 ? null : (1 - value) / (1 - found)
  // Decibels: a tenth of the missing ones is the power of ten.
  if (name.endsWith('db')) return expNegative(((found - value) / 10) * Math.LN10)
  if (name.includes('kl')) return found > 0 ? value / found : null
  if (name.includes('agreement') || name.includes('equal')) {
    const ratio = (1 - value) / Math.max(1e-9, 1 - found)
    return ratio * ratio
  }
  return value > 0 && found > 0 ? Math.min(value / found, found / value) : null
}

/**
 * The next attempt: the weights that carry most noise per element get their next rung until the predicted noise is low
 * enough. Null when that takes more than a quarter of all elements, or more than there are.
 */
export function relax(decided: Decided, noise: ReadonlyMap<string, number>, reduction: number, ask: Ask): Ask | null {
  const ruled = new Set(
    decided.plan.decisions
      .filter((one) => one.because.code === 'asked' && ask.rules.length > 0)
      .map((one) => tensorKey(one.tensor.scope, one.tensor.name)),
  )
  const candidates = decided.plan.work.flatMap((work) => {
    const key = tensorKey(work.weight.scope, work.weight.name)
    const rung = ruled.has(key) ? null : nextRung(work)
    const own = noise.get(key) ?? 0
    return [{ key, work, rung, own: own * (ask.relaxed?.get(key)?.remains ?? 1) }]
  })
  const total = candidates.reduce((sum, one) => sum + one.own, 0)
  if (total <= 0) return null
  const goal = total * reduction * (ask.relaxed === undefined ? FIRST_AIM : NEXT_AIM)
  const order = candidates
    .filter((one) => one.rung !== null && one.own > 0)
    .sort((a, b) => b.own / b.work.weight.elementCount - a.own / a.work.weight.elementCount || (a.key < b.key ? -1 : 1))
  const relaxed = new Map<string, Relaxation>(ask.relaxed)
  let left = total
  let changed = false
  for (const { key, rung, own } of order) {
    if (left <= goal || !rung) break
    const share = Math.floor((own / total) * 1000) / 10
    relaxed.set(key, {
      what: rung.what,
      remains: rung.remains * (ask.relaxed?.get(key)?.remains ?? 1),
      text: `an attempt with less precision was refused and ${share} % of its error came from here: ${rung.says}`,
    })
    left -= own * (1 - rung.remains)
    changed = true
  }
  const elements = candidates.reduce((sum, one) => sum + one.work.weight.elementCount, 0)
  const share = (what: string): number =>
    candidates.reduce((sum, one) => sum + (relaxed.get(one.key)?.what === what ? one.work.weight.elementCount : 0), 0) /
    elements
  const within = share('int8-weights') <= MOST_RELAXED && share('fp16-weights') <= MOST_HALVED
  return changed && left <= goal && within ? { ...ask, relaxed } : null
}

/** The next attempt in words. */
export function nextStep(next: Ask, current: Ask): string {
  if (next.to !== current.to) return `tried again as ${next.to}`
  return `tried again with more precision for ${next.relaxed?.size ?? 0} tensors`
}
