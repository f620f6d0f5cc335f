import { expect, test } from 'vitest'
import {
  compareReport,
  encoderReport,
  HOSTILE,
  hostileReport,
  inspectReport,
  planReport,
} from '../../test/fixtures/reports.ts'
import { compareToHtml } from './compare-to-html.ts'
import { compareToTerminal } from './compare-to-terminal.ts'
import { inspectToTerminal } from './inspect-to-terminal.ts'
import { toHtml } from './to-html.ts'
import { toJson } from './to-json.ts'
import { toMarkdown } from './to-markdown.ts'
import { toRecipe } from './to-recipe.ts'
import { toTerminal } from './to-terminal.ts'

test('the end-of-run text holds what the contract promises', () => {
  const text = toTerminal(encoderReport)
  expect(text).toContain('90.4 MB')
  expect(text).toContain('23.0 MB')
  expect(text).toContain('-74.6 %')
  expect(text).toMatch(/brotli\s+16\.9 MB/)
  expect(text).toMatch(/agreement\s+98\.17 %\s+synthetic/)
  expect(text).toMatch(/cosine\s+0\.99712\s+synthetic/)
  expect(text).toMatch(/norm\s+12\s+18\.4 kB\s+scale of a normalization/)
  expect(text).toMatch(/int8-channel-sym\s+36 tensors/)
  expect(text).toContain('onnxruntime-node 1.30.0, 2 threads, avx2 avx512_vnni')
  for (const arithmetic of ['fused, as', 'unfused, opt', 'reference, float']) expect(text).toContain(arithmetic)
  expect(text).toContain('requires  onnxruntime >= 1.17.0, opset 14, IR 8')
  expect(text).toMatch(/verdict\s+plausible: cosine/)
  expect(text).toContain('next      tersor quantize minilm/model.onnx --to int8 --eval sentences.npz')
  expect(text).not.toContain('\u001b')
})

test('of a sequence both ways are shown, without the states', () => {
  const figures = (cosine: number) => [
    { name: 'y', cosine, sqnrDb: 30, maxAbs: 0.1, nonFinite: 0 },
    { name: 'h_out', cosine: 0.123, sqnrDb: 1, maxAbs: 1, nonFinite: 0 },
  ]
  const sequence = {
    states: [{ input: 'h', output: 'h_out' }],
    steps: 1,
    ownStates: { outputs: figures(0.98765) },
    sameStates: { outputs: figures(0.99995) },
  }
  const text = toTerminal({ ...encoderReport, verdict: { ...encoderReport.verdict!, sequence } })
  expect(text).toMatch(/own states along 1 step +0\.98765/)
  expect(text).toMatch(/same states as float at every step +0\.99995/)
  expect(text).not.toContain('0.123')
  const compared = compareToTerminal({ ...compareReport, sequence })
  expect(compared).toMatch(/own states along 1 step +0\.98765/)
  for (const page of [
    toHtml({ ...encoderReport, verdict: { ...encoderReport.verdict!, sequence } }),
    compareToHtml({ ...compareReport, sequence }),
  ]) {
    expect(page).toMatch(/own states<\/b> <span class="sub">along 1 step/)
    expect(page).toContain('0.98765')
  }
})

test('the worst three layers come in the order of the verdict', () => {
  const worst = toTerminal(encoderReport).split('most error')[1]!.split('\n').slice(1, 4)
  expect(worst.map((line) => line.trim().split(' ')[0])).toEqual(encoderReport.verdict!.worst)
})

test('the metric of the task is shown before and after', () => {
  const verdict = { ...encoderReport.verdict!, metric: { name: 'top1', float: 0.9944, quantized: 0.9926 } }
  expect(toTerminal({ ...encoderReport, verdict })).toMatch(/accuracy\s+99\.44 %\s+99\.26 %\s+-0\.18 points/)
})

test('what only informs is no warning', () => {
  const report = { ...encoderReport, warnings: ['it may be wrong', 'it was folded'], notes: ['it was folded'] }
  for (const text of [toTerminal(report), toMarkdown(report)]) {
    expect(text).toMatch(/warning:? it may be wrong/)
    expect(text.split('it was folded')).toHaveLength(2)
    expect(text).not.toMatch(/warning:? it was folded/)
  }
  expect(toJson(report)).toContain('"notes"')
  expect(toTerminal({ ...encoderReport, warnings: ['it was folded'] })).toContain('warning it was folded')
})

test('a refused result that was not written says so', () => {
  const verdict = { ...encoderReport.verdict!, status: 'refused' as const }
  expect(toTerminal({ ...planReport, verdict })).toContain('nothing was written; --force')
  expect(toTerminal({ ...encoderReport, verdict })).not.toContain('nothing was written')
})

test('what auto chose is said with its reason, and only then', () => {
  const options = { preset: 'int8-weights', presetBecause: 'small layers gain no time' }
  expect(toTerminal({ ...encoderReport, options })).toContain('\nauto chose int8-weights: small layers gain no time\n')
  expect(toTerminal({ ...encoderReport, options: { ...options, to: 'int8-weights' } })).not.toContain('auto chose')
})

test('a plan has no verdict and its size is the sum of its decisions', () => {
  const text = toTerminal(planReport)
  expect(text).not.toContain('verdict')
  expect(text).toMatch(/size\s+90\.4 MB\s+23\.7 MB/)
})

test('verbose lists every decision', () => {
  const text = toTerminal(encoderReport, { verbose: true })
  expect(text).toContain('encoder.layer.0.attention.self.key.weight')
  expect(toTerminal(encoderReport)).not.toContain('encoder.layer.0.attention.self.key.weight')
})

test('colour is escapes around the same text', () => {
  const painted = toTerminal(encoderReport, { color: true })
  expect(painted).toContain('\u001b[')
  expect(painted.replace(/\u001b\[\d+m/g, '')).toBe(toTerminal(encoderReport))
})

test.each([
  ['quantize', () => toTerminal(hostileReport, { verbose: true })],
  ['inspect', () => inspectToTerminal(inspectReport, { verbose: true })],
  ['compare', () => compareToTerminal(compareReport, { verbose: true })],
])('%s: a hostile name can neither move the cursor nor forge a line', (_, render) => {
  const text = render()
  expect(text).toContain('\\u{1b}')
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  expect(text.split('\n').some((line) => line.startsWith('error['))).toBe(false)
})

test('inspect says in one line what the model is', () => {
  const [first] = inspectToTerminal(inspectReport).split('\n')
  expect(first).toBe(
    'digits.onnx  327 kB  convolutional, 81,354 parameters, 14 nodes, opset 17, IR 8, made by train-demo',
  )
})

test('compare lists the worst output first and the thresholds that were asked for', () => {
  const text = compareToTerminal(compareReport)
  expect(text.indexOf('0.50000')).toBeLessThan(text.indexOf('0.99712'))
  expect(text).toMatch(/missed\s+cosine: asked 0\.99, found 0\.5/)
  expect(text).toContain('1 differ, 1 are equal')
})

test('JSON reads back, infinities as words', () => {
  const back = JSON.parse(toJson(hostileReport))
  expect(back.decisions[0].tensor).toBe(HOSTILE)
  expect(back.verdict.outputs[0]).toMatchObject({ cosine: 'NaN', sqnrDb: '-Infinity', maxAbs: 'Infinity' })
  expect(JSON.parse(toJson(encoderReport))).toEqual(encoderReport)
})

test('Markdown keeps tables whole and obeys nothing in a name', () => {
  const text = toMarkdown(hostileReport)
  expect(text).not.toMatch(/<img|<\/script|\*\*bold|\u001b/)
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  expect(rows.every((row) => row.endsWith('|'))).toBe(true)
  expect(toMarkdown(encoderReport)).toMatch(/\| size \| 90\.4 MB \| 23\.0 MB \| -74\.6 % \|/)
})

test('a recipe is what was asked, auto written as what it chose', () => {
  expect(toRecipe(planReport)).toEqual({ version: 1, to: 'int8', target: 'ort', solver: 'search', rules: [] })
  const options = { preset: 'int8-weights', presetBecause: 'small', rules: ['op:Conv=keep', 'a=int8'] }
  expect(toRecipe({ ...planReport, options })).toEqual({ version: 1, to: 'int8-weights', rules: options.rules })
})
