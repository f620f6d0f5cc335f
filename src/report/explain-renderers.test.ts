import { describe, expect, test } from 'vitest'
import { HOSTILE } from '../../test/fixtures/reports.ts'
import { explain } from '../pipeline/explain.ts'
import { randomValues } from '../pipeline/explain-values.ts'
import { ticks } from './charts/axes.ts'
import { explainToHtml } from './explain-to-html.ts'
import { explainToTerminal } from './explain-to-terminal.ts'
import { filled, LANGUAGES, wordsOf } from './explain-words.ts'
import { textTable } from './text-table.ts'

const { values } = randomValues(0)
const explanation = explain(values, { bits: 4, source: { kind: 'random', label: '0' } })

/** Every text of a language by its path. */
function texts(words: object, path = ''): [string, string][] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[`${path}${key}`, value] as [string, string]]
      : texts(value as object, `${path}${key}.`),
  )
}

describe('the two languages', () => {
  const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()

  test('have the same texts with the same places', () => {
    const [en, zh] = LANGUAGES.map((language) => texts(wordsOf(language))) as [[string, string][], [string, string][]]
    expect(zh.map(([path]) => path).sort()).toEqual(en.map(([path]) => path).sort())
    const other = new Map(zh)
    for (const [path, text] of en) expect(places(other.get(path)!), path).toEqual(places(text))
  })

  test('no text is left in the other language', () => {
    for (const [path, text] of texts(wordsOf('zh')))
      if (path !== 'tag') expect(text, path).toMatch(/[\u4e00-\u9fff]|^#$/)
    for (const [path, text] of texts(wordsOf('en'))) expect(text, path).not.toMatch(/[\u4e00-\u9fff]/)
  })

  test('a place without a value stays visible', () => expect(filled('{a} {b}', { a: 1 })).toBe('1 {b}'))
})

describe.each(LANGUAGES)('%s', (language) => {
  const edges = [
    ['as usual', explanation],
    ['all equal', explain(new Float32Array(50).fill(2))],
    ['one value', explain(Float32Array.of(1))],
    ['clipped', explain(values, { bits: 2, range: { min: -1, max: 1 } })],
    ['rounded down', explain(values, { bits: 2, rounding: 'floor' })],
    ['sixteen bits', explain(values, { bits: 16 })],
    ['a matrix', explain(values, { bits: 3, shape: [50, 20] })],
  ] as const

  test.each(edges)('%s: every place is filled, no NaN in words or drawings', (_, each) => {
    const text = explainToTerminal(each, { language })
    const page = explainToHtml(each, language).replace(/<style>[\s\S]*?<\/style>|<script>[\s\S]*?<\/script>/g, '')
    for (const output of [text, page]) {
      expect(output).not.toMatch(/\{\w+\}/)
      expect(output).not.toMatch(/NaN|undefined|Infinity|\[object/)
    }
  })

  test('the page is one file that loads nothing, in its own language', () => {
    const page = explainToHtml(explanation, language)
    expect(page).toContain(`<html lang="${wordsOf(language).tag}">`)
    expect(page).toContain("default-src 'none'")
    expect(page.replace(/<style>[\s\S]*?<\/style>/g, '')).not.toMatch(/\b(?:src|href)\s*=|url\(|@import/)
    expect(page.match(/<svg /g)).toHaveLength(8)
  })
})

test('the text says the figures of the data', () => {
  const text = explainToTerminal(explanation)
  expect(text).toContain('1,000 random numbers (seed 0)')
  expect(text).toContain('16 levels, 4 bits a code')
  expect(text).toContain('within half a step')
  expect(text).toMatch(/^ +0 +-0\.8008 /m)
  expect(explainToTerminal(explanation, { color: true })).toContain('\u001b[')
  expect(text).not.toContain('\u001b')
  expect(explainToTerminal(explanation, { report: 'r.html' })).toMatch(/\nreport {2}r\.html\n$/)
})

test('a hostile tensor name stays text', () => {
  const hostile = explain(values, { bits: 3, source: { kind: 'tensor', label: HOSTILE } })
  expect(explainToTerminal(hostile)).not.toMatch(/\u001b|\r/)
  expect(explainToHtml(hostile)).not.toContain('<img src=x')
})

test('ideographs take two cells in a table', () => {
  expect(
    textTable(
      [
        ['误差', '1'],
        ['error', '2'],
      ],
      'lr',
      '',
    ),
  ).toEqual(['误差   1', 'error  2'])
})

test('ticks are round numbers within the axis', () => {
  expect(ticks(-1, 1, 4)).toEqual([-1, -0.5, 0, 0.5, 1])
  expect(ticks(0, 0.07, 5)).toEqual([0, 0.02, 0.04, 0.06])
  expect(ticks(-772, 763, 4)).toEqual([-500, 0, 500])
  expect(ticks(3, 3, 4)).toEqual([3])
})
