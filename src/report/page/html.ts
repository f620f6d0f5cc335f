import { printable } from '../printable.ts'

/** Markup that is safe as it stands. Only `html`, `raw` and `join` make it. */
export interface Markup {
  readonly markup: string
}

type Part = Markup | string | number | undefined | readonly Markup[]

/**
 * A template whose holes are escaped, whatever they hold: names in a model file are chosen by strangers.
 * Nested markup and lists of it pass through; undefined is nothing.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let markup = strings[0]!
  for (const [index, part] of parts.entries()) markup += textOf(part) + strings[index + 1]!
  return { markup }
}

function textOf(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part))
  return Array.isArray(part) ? part.map(({ markup }) => markup).join('') : (part as Markup).markup
}

/** Text that we wrote ourselves: style, script, the chart library. Never anything from a model. */
export const raw = (markup: string): Markup => ({ markup })

/** For text and for quoted attributes. Control characters and direction overrides become visible. */
export function escaped(text: string): string {
  return printable(text, 4000).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Data for a script of the page: cannot end its element, nor start a comment or another script. */
export function json(value: unknown): Markup {
  const text = JSON.stringify(value, (_key, entry) =>
    typeof entry === 'number' && !Number.isFinite(entry) ? null : entry,
  )
  return raw(
    text.replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}
