import { html, type Markup, raw } from './html.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

/** One self-contained document: nothing is fetched, and the policy forbids what a hostile name might try. */
export function frame(
  title: string,
  body: readonly Markup[],
  version: string,
  { language = 'en', footer = `made by tersor ${version}; this file works offline` } = {},
): string {
  const page = html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body><main>
${body}
<footer>${footer}</footer>
</main>
<script>${raw(SCRIPT)}</script>
</body></html>
`
  return page.markup
}

/** A card with a heading and one line that says how to read it; nothing when there is nothing in it. */
export function section(title: string, about: string, ...content: readonly Markup[]): Markup {
  if (content.every(({ markup }) => markup === '')) return html``
  return html`<section><h2>${title}</h2>${about === '' ? undefined : html`<p class="sub">${about}</p>`}${content}</section>`
}

export const tile = (label: string, value: string, note: string): Markup =>
  html`<div class="tile"><div class="k">${label}</div><div class="v">${value}</div><div class="n">${note}</div></div>`

/** `<dl>` of facts; empty values are left out. */
export function facts(pairs: readonly (readonly [string, string | undefined])[]): Markup {
  const rows = pairs.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`],
  )
  return rows.length === 0 ? html`` : html`<dl class="facts">${rows}</dl>`
}

export function noteList(notes: readonly string[]): Markup {
  return notes.length === 0 ? html`` : html`<ul class="notes">${notes.map((text) => html`<li>${text}</li>`)}</ul>`
}

export function warningList(warnings: readonly string[]): Markup {
  return warnings.length === 0
    ? html``
    : html`<ul class="warnings">${warnings.map((text) => html`<li>${text}</li>`)}</ul>`
}
