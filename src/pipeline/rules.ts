import { TersorError } from '../errors.ts'
import type { WeightFacts } from '../model/inventory.ts'

/** One `--rule 'PATTERN=WHAT'`. */
export interface Rule {
  readonly text: string
  readonly pattern: string
  /** A scheme id, a preset or `keep`. */
  readonly what: string
}

/** Splits at the last `=`; names may hold `/`, `::` and `=`. Throws E_USAGE. */
export function parseRule(text: string): Rule {
  const at = text.lastIndexOf('=')
  if (at <= 0 || at === text.length - 1) {
    throw new TersorError('E_USAGE', `rule "${text}" is not PATTERN=WHAT`, {
      hint: "for example --rule 'op:Conv=keep' or --rule 'glob:*embed*=int8-channel-sym'",
    })
  }
  return { text, pattern: text.slice(0, at), what: text.slice(at + 1) }
}

/** Position of each weight and node in graph order, for first:, last:, from: and to:. */
export interface RuleContext {
  readonly weights: readonly WeightFacts[]
  /** Labels of all nodes in the order in which they run. */
  readonly nodeLabels: readonly string[]
  labelOf(weight: WeightFacts): readonly string[]
}

/**
 * Indexes into `context.weights` that a rule matches. An exact name always wins over patterns (the caller applies exact
 * matches last). Throws E_USAGE with near names when nothing matches.
 */
export function matchRule(
  rule: Rule,
  context: RuleContext,
): { readonly exact: boolean; readonly matches: ReadonlySet<number> } {
  const matches = new Set<number>()
  const { weights } = context
  const exactNames = weights.some((weight) => weight.name === rule.pattern)
  const exactNodes = !exactNames && context.nodeLabels.includes(rule.pattern)
  if (exactNames || exactNodes) {
    weights.forEach((weight, i) => {
      if (exactNames ? weight.name === rule.pattern : context.labelOf(weight).includes(rule.pattern)) matches.add(i)
    })
    return { exact: true, matches: orFail(matches, rule, context) }
  }
  const [kind, ...rest] = rule.pattern.split(':')
  const value = rest.join(':')
  if (rest.length === 0) throw noMatch(rule, context)
  switch (kind) {
    case 'glob':
    case 're': {
      const test = kind === 'glob' ? globToRegExp(value) : regExp(value, rule)
      weights.forEach((weight, i) => {
        if (test.test(weight.name) || context.labelOf(weight).some((label) => test.test(label))) matches.add(i)
      })
      break
    }
    case 'op':
      weights.forEach((weight, i) => {
        if (weight.uses.some((use) => use.node.op === value)) matches.add(i)
      })
      if (matches.size === 0) throw noMatch(rule, context, operatorsOf(weights))
      break
    case 'first':
    case 'last': {
      const count = Number(value)
      if (!Number.isInteger(count) || count < 1)
        throw new TersorError('E_USAGE', `rule "${rule.text}": ${kind}: needs a count of layers`)
      const firstUse = firstUses(context)
      // The two or three weights of one recurrent node are one layer.
      const layers = weights.flatMap((weight, i) => (isLayer(weight) ? [{ i, at: firstUse(weight) }] : []))
      const places = [...new Set(layers.map(({ at }) => at))].sort((a, b) => a - b)
      const chosen = new Set(kind === 'first' ? places.slice(0, count) : places.slice(-count))
      for (const { i, at } of layers) if (chosen.has(at)) matches.add(i)
      break
    }
    case 'from':
    case 'to': {
      const at = context.nodeLabels.indexOf(value)
      if (at < 0) throw noMatch(rule, context, context.nodeLabels)
      const firstUse = firstUses(context)
      weights.forEach((weight, i) => {
        const use = firstUse(weight)
        if (Number.isFinite(use) && (kind === 'from' ? use >= at : use <= at)) matches.add(i)
      })
      break
    }
    default:
      throw noMatch(rule, context)
  }
  return { exact: false, matches: orFail(matches, rule, context) }
}

/** What a rule says of nodes themselves, by label, operator and outputs: patterns of position speak of layers only. */
export function nodeMatcher(rule: Rule): (label: string, op: string, outputs: readonly string[]) => boolean {
  const [kind, ...rest] = rule.pattern.split(':')
  const value = rest.join(':')
  const exact = (label: string, outputs: readonly string[]): boolean =>
    label === rule.pattern || outputs.includes(rule.pattern)
  if (rest.length === 0) return (label, _op, outputs) => exact(label, outputs)
  if (kind === 'op') return (_label, op) => op === value
  if (kind !== 'glob' && kind !== 're') return (label, _op, outputs) => exact(label, outputs)
  const test = kind === 'glob' ? globToRegExp(value) : regExp(value, rule)
  return (label) => test.test(label)
}

function operatorsOf(weights: readonly WeightFacts[]): readonly string[] {
  return weights.flatMap((weight) => weight.uses.map((use) => use.node.op))
}

function isLayer(weight: WeightFacts): boolean {
  return weight.uses.some((use) => use.role !== 'bias' && use.role !== 'other')
}

/** Place of the first node that uses a weight; infinite when none does. */
function firstUses(context: RuleContext): (weight: WeightFacts) => number {
  const places = new Map<string, number>()
  for (const [place, label] of context.nodeLabels.entries()) if (!places.has(label)) places.set(label, place)
  return (weight) => {
    let first = Number.POSITIVE_INFINITY
    for (const label of context.labelOf(weight)) first = Math.min(first, places.get(label) ?? first)
    return first
  }
}

function orFail(matches: Set<number>, rule: Rule, context: RuleContext): Set<number> {
  if (matches.size === 0) throw noMatch(rule, context)
  return matches
}

/** Near names are those of weights and of nodes that use them, unless other `names` were meant. */
function noMatch(rule: Rule, context: RuleContext, meant?: readonly string[]): TersorError {
  const { weights } = context
  const names = [...new Set(meant ?? weights.flatMap((weight) => [weight.name, ...context.labelOf(weight)]))]
  const wanted = rule.pattern.replace(/^(glob|re|op|from|to):/, '').replace(/[*?]/g, '')
  const near = names
    .map((name) => ({ name, distance: likeness(wanted, name) }))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name)
  return new TersorError('E_USAGE', `rule "${rule.text}" matches nothing`, {
    hint: near.length > 0 ? `near names: ${near.join(', ')}` : 'the model has no constants',
  })
}

/** Number of letters pairs of `a` that `b` lacks; small is near. Cheap enough for thousands of long names. */
function likeness(a: string, b: string): number {
  const pairs = new Set<string>()
  for (let i = 0; i + 1 < b.length; i++) pairs.add(b.slice(i, i + 2).toLowerCase())
  let missing = 0
  for (let i = 0; i + 1 < a.length; i++) if (!pairs.has(a.slice(i, i + 2).toLowerCase())) missing++
  return missing * 64 + Math.abs(a.length - b.length)
}

function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${source}$`, 's')
}

function regExp(source: string, rule: Rule): RegExp {
  try {
    return new RegExp(source)
  } catch (cause) {
    throw new TersorError('E_USAGE', `rule "${rule.text}": not a regular expression`, { cause })
  }
}
