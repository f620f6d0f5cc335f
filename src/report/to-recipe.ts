import type { Report, Verdict } from '../model/report.ts'

/** What makes the same plan again; the body of a recipe file. */
export interface Recipe {
  readonly version: 1
  readonly to?: string
  readonly target?: string
  readonly solver?: string
  readonly lowering?: string
  /** PATTERN=WHAT in the order they were given. */
  readonly rules: readonly string[]
  readonly minCosine?: number
  readonly minAgreement?: number
  readonly maxKl?: number
}

/**
 * What was asked, as data that people can edit and keep. `auto` is written as the preset it chose, so that the recipe means
 * the same for later versions. Not one rule a tensor: a scheme id does not say the form, so such rules would plan another file.
 */
export function toRecipe({ options, search, verdict }: Report): Recipe {
  const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined)
  const asked = text('to')
  const to = asked === undefined || asked === 'auto' ? text('preset') : asked
  const given = { to, target: text('target'), solver: text('solver'), lowering: text('lowering') }
  const rules = Array.isArray(options.rules) ? options.rules.filter((rule) => typeof rule === 'string') : []
  const threshold = search === undefined || verdict === undefined ? {} : reached(verdict)
  return {
    version: 1,
    ...threshold,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    rules,
  }
}

/** What a search reached, rounded to the bad side: the same recipe passes again, whatever the default for its bits is. */
function reached({ threshold }: Verdict): Partial<Recipe> {
  if (threshold === undefined) return {}
  const { metric, found } = threshold
  if (metric === 'cosine') return { minCosine: Math.floor(found * 1000) / 1000 }
  if (metric === 'kl') return { maxKl: Math.ceil(found * 1000) / 1000 }
  return metric === 'top1Agreement' ? { minAgreement: Math.floor(found * 100) / 100 } : {}
}
