/**
 * Writes docs/schemes.md from the registry of schemes: one row an id, with what it costs and what it measures. Committed;
 * `test/line/schemes-table.test.ts` writes it again and compares.
 *
 *   node scripts/make-tables.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { measured } from './tables/measured-values.mjs'
import { schemesPage } from './tables/schemes-page.mjs'

export { figuresIn, schemesPage } from './tables/schemes-page.mjs'
export { measured }

/** What the page is made from. Given by the test as sources, by the command bundled from them. */
export const PARTS = [
  './src/schemes/arrays/index.ts',
  './src/pipeline/arrays/quantized-bytes.ts',
  './src/calibration/random.ts',
  './src/numbers/log2.ts',
]

if (process.argv[1] !== undefined && basename(process.argv[1]) === 'make-tables.mjs') {
  const root = join(import.meta.dirname, '..')
  const bundle = await build({
    stdin: { contents: PARTS.map((path) => `export * from '${path}'`).join('\n'), resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const library = await import(
    `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].text).toString('base64')}`
  )
  const figures = measured(library, library.exampleIds(library.FAMILIES))
  const page = schemesPage(library, (path) => readFileSync(join(root, path), 'utf8'), figures)
  writeFileSync(join(root, 'docs', 'schemes.md'), page)
  console.log(`tables: ${figures.size} schemes in docs/schemes.md`)
}
