/**
 * Writes docs/theory/pictures/: every picture of the theory pages, in both languages, drawn from the library's own results.
 * Committed; `test/line/theory.test.ts` draws them again and compares.
 *
 *   node scripts/theory-pictures.mjs
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** What the pictures are made with. Given by the test as sources, by the command bundled from them. */
export const PARTS = [
  './src/corrections/index.ts',
  './src/pipeline/explain.ts',
  './src/pipeline/explain-article.ts',
  './src/pipeline/explain-values.ts',
  './src/report/charts/axes.ts',
  './src/report/charts/explain-bars.ts',
  './src/report/charts/explain-charts.ts',
  './src/report/explain-words.ts',
  './src/report/page/style.ts',
]

const WORDS = {
  en: { grey: 'grey', rounded: 'rounded', diffused: 'diffused', diffusion: 'A ramp of grey in two levels' },
  zh: { grey: '灰度', rounded: '逐点舍入', diffused: '误差扩散', diffusion: '用两级表示的灰度渐变' },
}

/** Map of file name to SVG text. */
export function pictures(library) {
  const files = new Map()
  for (const language of ['en', 'zh']) {
    const words = library.wordsOf(language)
    for (const [name, markup] of drawn(library, words, language)) {
      files.set(`${name}.${language}.svg`, standalone(markup, library))
    }
  }
  return files
}

function drawn(library, words, language) {
  const { explain, articleOutcome, randomValues } = library
  const even = Float32Array.from({ length: 2001 }, (_, i) => i / 1000 - 1)
  const { values } = randomValues(0)
  const eight = explain(even, { levels: 8 })
  const coarse = explain(values, { bits: 3 })
  const article = { ...eight, article: articleOutcome(even, { min: -1, max: 1, levels: 256, bits: 8 }, 0) }
  return [
    ['staircase', library.stairsChart(eight, words)],
    ['curve-nearest', library.curveChart(eight, words)],
    ['curve-floor', library.curveChart(explain(even, { levels: 8, rounding: 'floor' }), words)],
    ['article', library.articleChart(article, words)],
    ['values', library.valuesChart(coarse, words)],
    ['running', library.runningChart(coarse, words)],
    ['errors', library.errorsChart(coarse, words)],
    ['compensation', library.compensationBars(coarse, words)],
    ['correction', library.correctionBars(explain(values, { bits: 2 }), words)],
    ['diffusion', { markup: ramp(library, WORDS[language]) }],
  ]
}

/** The drawing alone, with the colours of the reports for light and dark. */
function standalone({ markup }, { STYLE, CHART_STYLE }) {
  const [svg] = /<svg[\s\S]*?<\/svg>/.exec(markup)
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)
  const colours = STYLE.match(/^:root \{[\s\S]*?^\}|^@media \(prefers-color-scheme: dark\) \{[\s\S]*?^\}/gm)
  const rules = `${STYLE}\n${CHART_STYLE}`.split('\n').filter((line) => /^(?:\.f\d|svg \.|svg text)/.test(line))
  const style = [
    ...colours,
    'svg { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; background: var(--card) }',
    ...rules,
  ]
  return `${svg
    .replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" `)
    .replace(/(<svg[^>]*>)/, `$1<style>\n${style.join('\n')}\n</style>`)}\n`
}

/** A ramp from black to white: as it is, rounded to two levels, and with the error diffused. */
function ramp({ encodeNearest, encodeWithDiffusion, gridQuantizer }, words) {
  const [columns, rows, size, gap] = [120, 28, 4, 30]
  const grey = Float32Array.from({ length: rows * columns }, (_, i) => (i % columns) / (columns - 1))
  const two = gridQuantizer({ scale: 1, offset: 0, maxCode: 1 })
  const black = (codes) => {
    let path = ''
    for (let row = 0; row < rows; row++) {
      for (let column = 0, run = 0; column <= columns; column++) {
        if (column < columns && codes[row * columns + column] === 0) run++
        else {
          if (run > 0) path += `M${(column - run) * size} ${row * size}h${run * size}v${size}h-${run * size}z`
          run = 0
        }
      }
    }
    return `<rect width="${columns * size}" height="${rows * size}" fill="#fff"/><path d="${path}" fill="#000"/>`
  }
  const shades = Array.from({ length: columns }, (_, column) => {
    const level = Math.floor((255 * column) / (columns - 1) + 0.5)
    return `<rect x="${column * size}" width="${size + 0.5}" height="${rows * size}" fill="rgb(${level},${level},${level})"/>`
  })
  const panels = [
    [words.grey, shades.join('')],
    [words.rounded, black(encodeNearest(grey, two).codes)],
    [words.diffused, black(encodeWithDiffusion(grey, columns, two).codes)],
  ]
  const drawnPanels = panels.map(
    ([label, content], index) =>
      `<g transform="translate(90 ${index * (rows * size + gap - 18) + 8})"><text class="dim" x="-10" y="${(rows * size) / 2}" text-anchor="end">${label}</text>${content}</g>`,
  )
  const height = panels.length * (rows * size + gap - 18) + 8
  return `<svg viewBox="0 0 ${columns * size + 100} ${height}" role="img" aria-label="${words.diffusion}" shape-rendering="crispEdges">${drawnPanels.join('')}</svg>`
}

if (process.argv[1] !== undefined && basename(process.argv[1]) === 'theory-pictures.mjs') {
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
  const folder = join(root, 'docs', 'theory', 'pictures')
  mkdirSync(folder, { recursive: true })
  const files = pictures(library)
  for (const [name, text] of files) writeFileSync(join(folder, name), text)
  console.log(`theory: ${files.size} pictures in docs/theory/pictures`)
}
