import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
// @ts-expect-error plain JavaScript, shared with the command that writes the pictures
import { PARTS, pictures } from '../../scripts/theory-pictures.mjs'
import * as tersor from '../../src/index.ts'
import { levels } from '../../src/index.ts'
import { explain } from '../../src/pipeline/explain.ts'
import { articleOutcome, articleStep, articleWidth } from '../../src/pipeline/explain-article.ts'
import { randomValues } from '../../src/pipeline/explain-values.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const FOLDER = join(ROOT, 'docs', 'theory')
const PAGES = ['README.md', 'en.md', 'zh.md']
const page = (name: string) => readFileSync(join(FOLDER, name), 'utf8')
const library: Readonly<Record<string, unknown>> = tersor

/** Runs a block as it stands; gives what it prints, a text a line. */
function printed(block: string): string[] {
  const names: string[] = []
  const body = block.replace(/^import \{([^}]*)\} from 'tersor'$/gm, (_, list: string) => {
    names.push(...list.split(',').map((name) => name.trim()))
    return ''
  })
  for (const name of names) expect(Object.keys(library), name).toContain(name)
  const lines: string[] = []
  const spy = { log: (...parts: unknown[]) => lines.push(parts.map(String).join(' ')) }
  new Function(...names, 'console', body)(...names.map((name) => library[name]), spy)
  return lines
}

describe.each(PAGES)('%s', (name) => {
  const blocks = [...page(name).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => block!)

  test('every block of code prints what stands beside it', () => {
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      const promised = [...block.matchAll(/console\.log\(.*\) \/\/ => (.*)$/gm)].map(([, text]) => text)
      expect(printed(block)).toEqual(promised)
    }
  })

  test('every picture is there', () => {
    for (const [, path] of page(name).matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
      expect(readdirSync(join(FOLDER, 'pictures')), path).toContain(path!.replace('pictures/', ''))
    }
  })
})

test('both languages run the same code, show the same pictures and have the same sections', () => {
  const [en, zh] = ['en.md', 'zh.md'].map(page) as [string, string]
  const parts = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([part]) => part)
  expect(parts(zh, /```ts\n[\s\S]*?```/g)).toEqual(parts(en, /```ts\n[\s\S]*?```/g))
  expect(parts(zh, /pictures\/[\w-]+/g)).toEqual(parts(en, /pictures\/[\w-]+/g))
  expect(parts(zh, /^##? /gm)).toEqual(parts(en, /^##? /gm))
  expect(parts(zh, /^\|/gm)).toEqual(parts(en, /^\|/gm))
  expect(parts(zh, /\d[\d,]*\.\d{2,}/g)).toEqual(parts(en, /\d[\d,]*\.\d{2,}/g))
})

test('the figures in the text are those of the library', () => {
  const { values } = randomValues(0)
  const [eight, three, down] = [explain(values), explain(values, { bits: 3 }), explain(values, { rounding: 'floor' })]
  const compensation = (kind: string) => three.compensation.find((each) => each.kind === kind)!
  const correction = (from: typeof eight, kind: string) => from.correction.find((each) => each.kind === kind)!
  const even = Float32Array.from({ length: 20_001 }, (_, i) => i / 10_000 - 1)
  const small = { min: -1, max: 1, levels: 8, bits: 8 }
  const large = { ...small, levels: 256 }
  const outcome = articleOutcome(even, small, 0)!
  expect(articleOutcome(even, large, 0)!.differentCodes).toBe(4)
  for (const x of [0, 0.25, 0.99]) expect(articleStep(x, large).restored).toBe(0)
  const inSteps = (error: number | null, digits: number) => (error! / three.levels.step).toFixed(digits)
  const figures = [
    articleWidth(small).toFixed(4),
    outcome.gain.toFixed(2),
    String(articleStep(1, small).restored),
    articleStep(-1, small).restored.toFixed(2),
    String(outcome.differentCodes),
    String(outcome.lowCode),
    String(outcome.highCode),
    articleOutcome(even, large, 0)!.gain.toFixed(3),
    (20 * Math.log10(2)).toFixed(2),
    (1 / Math.sqrt(12)).toFixed(4),
    (eight.error.rms / eight.levels.step).toFixed(4),
    `${eight.error.sqnrDb.toFixed(1)} dB`,
    inSteps(compensation('feedback').rms, 3),
    inSteps(compensation('none').rms, 3),
    inSteps(compensation('feedback').runRms, 4),
    inSteps(compensation('none').runRms, 4),
    `${(-correction(eight, 'centroids').gainDb).toFixed(2)} dB`,
    `${(-correction(eight, 'low-rank-1').gainDb).toFixed(2)} dB`,
    String(correction(eight, 'low-rank-1').byteLength),
    eight.matrix.join(' x '),
    `${correction(down, 'affine').gainDb.toFixed(2)} dB`,
    (0.1429 * 256).toFixed(2),
    (407.76 * 256).toFixed(2).replace(/\B(?=(\d{3})+\.)/, ','),
    String(Math.floor(358.375 / 0.2857)).replace(/\B(?=(\d{3})+$)/, ','),
    String(levels({ min: -1, max: 1, bits: 8 }).precision),
  ]
  for (const name of ['en.md', 'zh.md']) for (const figure of figures) expect(page(name), name).toContain(figure)
  expect(articleStep(1, small)).toMatchObject({ truncated: 36, code: 126 })
  for (const { pays } of eight.correction) expect(pays).toBe(false)
  expect(page('README.md')).toContain('0.0039')
})

test('the pictures are drawn by the library as it is', async () => {
  const modules = await Promise.all(PARTS.map((path: string) => import(/* @vite-ignore */ join(ROOT, path))))
  const files: Map<string, string> = pictures(Object.assign({}, ...modules))
  expect(readdirSync(join(FOLDER, 'pictures')).sort()).toEqual([...files.keys()].sort())
  for (const [name, text] of files) {
    expect(readFileSync(join(FOLDER, 'pictures', name), 'utf8'), `${name}: run scripts/theory-pictures.mjs`).toBe(text)
    expect(text).not.toMatch(/NaN|undefined|<script/)
  }
})

test('the example runs', () => {
  const source = readFileSync(join(ROOT, 'examples', 'explain.mjs'), 'utf8')
  expect(source.split('\n').length).toBeLessThanOrEqual(30)
  expect(printed(source)).toHaveLength(16)
})
