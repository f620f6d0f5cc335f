import type { Report } from '../model/report.ts'

/** What makes the same plan again; the body of a recipe file. */
export interface Recipe {
  readonly version: 1
  readonly to?: string
  readonly target?: string
  readonly solver?: string
  readonly lowering?: string
  /** PATTERN=WHAT in the order they were given. */
  readonly rules: readonly string[]
}

/**
 * What was asked, as data that people can edit and keep. `auto` is written as the preset it chose, so that the recipe means
 * the same for later versions. Not one rule a tensor: a scheme id does not say the form, so such rules would plan another file.
 */
export function toRecipe({ options }: Report): Recipe {
  const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined)
  const asked = text('to')
  const to = asked === undefined || asked === 'auto' ? text('preset') : asked
  const given = { to, target: text('target'), solver: text('solver'), lowering: text('lowering') }
  const rules = Array.isArray(options.rules) ? options.rules.filter((rule) => typeof rule === 'string') : []
  return { version: 1, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)), rules }
}
