import type { Report } from '../model/report.ts'

/** Rules and options that make the same plan again; the body of a recipe file. */
export interface Recipe {
  readonly version: 1
  readonly to?: string
  readonly target?: string
  readonly solver?: string
  /** PATTERN=WHAT; an exact name always wins. */
  readonly rules: readonly string[]
}

/** The plan as data that people can edit: one rule for every tensor that was decided about. */
export function toRecipe(report: Report): Recipe {
  const rules = new Map<string, string>()
  for (const { tensor, action, scheme, because } of report.decisions) {
    // Only what a rule could change: biases, shapes and the like stay by themselves.
    if (action === 'keep' && because.code !== 'kept-by-rule') continue
    rules.set(tensor, action === 'keep' ? 'keep' : (scheme ?? 'keep'))
  }
  const option = (name: 'to' | 'target' | 'solver') => {
    const value = report.options[name]
    return typeof value === 'string' ? { [name]: value } : {}
  }
  return {
    version: 1,
    ...option('to'),
    ...option('target'),
    ...option('solver'),
    rules: [...rules].map(([name, what]) => `${name}=${what}`),
  }
}
