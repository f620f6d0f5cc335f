import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error plain JavaScript, shared with the command that writes the page
import { figuresIn, measured, PARTS, schemesPage } from '../../scripts/make-tables.mjs'
import { FAMILIES } from '../../src/schemes/arrays/index.ts'
import { CASES } from '../contracts/codec.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const source = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const page = source('docs/schemes.md')
const STALE = 'stale: run node scripts/make-tables.mjs'

test('docs/schemes.md is what the registry says, and its figures are what the encoders reach', async () => {
  const modules = await Promise.all(PARTS.map((path: string) => import(/* @vite-ignore */ join(ROOT, path))))
  const library = Object.assign({}, ...modules)
  const written: Map<string, object> = figuresIn(page)
  const every = FAMILIES.flatMap(({ examples }) => [...examples])
  for (const id of every) expect([...written.keys()], STALE).toContain(library.arrayScheme(id).id)
  // All of them take half a minute; nightly.
  const sample =
    CASES > 300 ? every : FAMILIES.map(({ examples }) => examples[0] as string).filter((id) => !/^product/.test(id))
  const found: Map<string, object> = measured(library, sample)
  expect(found.size).toBeGreaterThan(9)
  for (const [id, figures] of found) expect(written.get(id), `${id} ${STALE}`).toEqual(figures)
  expect(page, STALE).toBe(schemesPage(library, source, written))
})
