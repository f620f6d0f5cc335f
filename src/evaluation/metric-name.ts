import { TersorError } from '../errors.ts'
import { didYouMean } from '../near-names.ts'

/**
 * What the verdict can be decided by: `top1` against labels or against float, `bits` against the text that is fed, the others
 * against float.
 */
export const METRIC_NAMES = ['top1', 'cosine', 'kl', 'snr', 'psnr', 'ssim', 'bits', 'boxes'] as const
export type MetricName = (typeof METRIC_NAMES)[number]

export type MetricChoice =
  | { readonly kind: 'name'; readonly name: MetricName }
  | { readonly kind: 'module'; readonly path: string }

/** A name, or a path that ends in `.mjs` or `.js`. E_USAGE for anything else. */
export function metricChoice(text: string): MetricChoice {
  const name = METRIC_NAMES.find((known) => known === text)
  if (name !== undefined) return { kind: 'name', name }
  if (/\.m?js$/.test(text)) return { kind: 'module', path: text }
  throw new TersorError('E_USAGE', `unknown metric "${text.slice(0, 80)}"`, {
    where: text.slice(0, 80),
    hint: didYouMean(text, METRIC_NAMES) ?? `known: ${METRIC_NAMES.join(', ')}, or a module (.mjs)`,
  })
}
