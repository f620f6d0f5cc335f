import { describe, expect, test } from 'vitest'
import { encoderReport, HOSTILE } from '../../test/fixtures/reports.ts'
import type { ShownSample } from '../model/gallery.ts'
import type { LayerFacts, ProductFacts, ValueFacts } from '../model/layer-facts.ts'
import type { Report } from '../model/report.ts'
import { errorText, smallShare, worstFirst } from './layer-words.ts'
import { toHtml } from './to-html.ts'
import { toTerminal } from './to-terminal.ts'

const rounded = (value: string, change: Partial<ValueFacts> = {}): ValueFacts => ({
  kind: 'value',
  value,
  group: value,
  because: { code: 'operand', text: 'read by a product' },
  observer: 'percentile',
  type: 'u8',
  scale: 0.01,
  zero: 100,
  low: -1,
  high: 1.55,
  min: -1.25,
  max: 3,
  below: 0.0001,
  above: 0.012,
  zeros: 0.4,
  histogram: { low: -1.25, width: 0.25, counts: [1, 5, 30, 80, 60, 0, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1] },
  roundingDb: 42,
  clippingDb: 33,
  errorDb: 32.5,
  growth: 0,
  ...change,
})
const productOf = (label: string, accumulatedDb: number, reads: string): ProductFacts => ({
  kind: 'product',
  label,
  op: 'Conv',
  form: 'qdq',
  reads: [reads],
  gives: `${label}/out`,
  multiplyAdds: 123456,
  weight: {
    name: `${label}.weight`,
    shape: [8, 4, 3, 3],
    sqnrDb: 41,
    codes: 'u8',
    worstPair: 251,
    saturation: { pairs: 0, results: 0, plainPairs: 0.0005, plainResults: 0.031 },
  },
  bias: { corrected: true, before: 0.02, after: 0.003 },
  accumulatedDb,
})
const layers: LayerFacts[] = [
  rounded('a', { growth: 0.3 }),
  productOf('first', 38, 'a'),
  rounded('b'),
  productOf('second', 21.4, 'b'),
  rounded('sum', { because: { code: 'between', text: 'computed from codes' }, accumulatedDb: 30 }),
  ...[3, 4, 5, 6, 7].map((n) => productOf(`layer${n}`, 30 + n, 'b')),
]
const report: Report = { ...encoderReport, layers }

describe('on the terminal', () => {
  test('the five worst layers, the worst first, and whether the data cover the ranges', () => {
    const text = toTerminal(report)
    const block = text.split('error layer by layer')[1]!.split('\n\n')[0]!.split('\n')
    expect(block[1]).toMatch(/so far\s+weight\s+input\s+clipped/)
    expect(block[2]).toMatch(/^ {2}second\s+Conv qdq\s+21\.4 dB\s+41\.0 dB\s+32\.5 dB\s+1\.21 %/)
    expect(block.slice(2, 7).map((line) => line.trim().split(' ')[0])).toEqual([
      'second',
      'layer3',
      'layer4',
      'layer5',
      'layer6',
    ])
    expect(text).toMatch(/ranges {4}3 ranges; the last samples widened 1 by more than a tenth, "a" by 30\.0 %/)
    expect(text).not.toContain('every range')
  })

  test('verbose lists every layer and every range', () => {
    const text = toTerminal(report, { verbose: true })
    expect(text).toMatch(/first\s+Conv qdq\s+38\.0 dB/)
    expect(text.split('every range')[1]).toMatch(/sum\s+between\s+-1 \.\. 1\.55\s+-1\.25 \.\. 3\s+1\.21 %/)
  })

  test('nothing without layers', () => {
    expect(toTerminal(encoderReport)).not.toContain('error layer by layer')
  })
})

describe('on the page', () => {
  test('a row a layer and a value that no layer reads, the worst first, with its histogram', () => {
    const page = toHtml(report)
    const rows = [...page.matchAll(/<details><summary><span class="row"><span class="name mono" title="([^"]*)"/g)]
    expect(rows.map(([, name]) => name)).toEqual([
      'second',
      'sum',
      'layer3',
      'layer4',
      'layer5',
      'layer6',
      'layer7',
      'first',
    ])
    expect(page.match(/class="f0 hist"/g)!.length).toBe(8)
    expect(page).toContain('0 of results on a CPU without VNNI; plain s8 weights: 3.10 %, 0.050 % of pairs')
    expect(page).toContain('2.00 % without, 0.30 % with the corrected bias')
    expect(toHtml(encoderReport)).not.toContain('class="layers')
  })

  test('drawings stay drawings: no number is not a number', () => {
    const odd = [
      rounded('flat', { min: 0, max: 0, low: 0, high: 0, histogram: { low: 0, width: 1, counts: [0] } }),
      rounded('wide', { min: -1e30, max: 1e30, histogram: { low: -1e30, width: 1e30, counts: [1, 1] } }),
    ]
    expect(toHtml({ ...report, layers: odd })).not.toMatch(/(?:d|x|x1|width)="[^"]*NaN/)
  })

  const png = 'data:image/png;base64,AAAA'
  const samples: ShownSample[] = [
    {
      kind: 'pictures',
      label: HOSTILE,
      output: HOSTILE,
      width: 4,
      height: 3,
      float: png,
      quantized: png,
      difference: `${png}" onerror="alert(1)`,
      db: 41.2,
    },
    { kind: 'photo', label: HOSTILE, source: png, float: HOSTILE, quantized: HOSTILE, same: false },
    {
      kind: 'boxes',
      label: HOSTILE,
      source: png,
      width: 10,
      height: 10,
      float: [{ left: 1, top: 2, right: 3, bottom: 4, text: HOSTILE }],
      quantized: [],
    },
    {
      kind: 'text',
      label: HOSTILE,
      output: HOSTILE,
      tokens: [{ given: HOSTILE, float: 'a', quantized: 'b' }],
      bits: { float: 2.5, quantized: 2.6 },
    },
  ]

  test('samples of both models, hostile words as text, foreign addresses left out', () => {
    const page = toHtml({ ...report, verdict: { ...report.verdict!, shown: samples } })
    const markup = page.replace(/<script>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>/g, '')
    expect(markup).not.toContain('<img src=x')
    expect(markup).not.toContain('onerror="alert')
    expect(markup).not.toMatch(/\b(?:src|href)\s*=\s*"(?!data:)/)
    expect(markup).not.toContain('difference × 8</figcaption>')
    expect(markup).toContain('PSNR 41.2 dB')
    expect(markup).toContain('<rect class="box float" x="1.0" y="2.0" width="2.0" height="2.0"/>')
    expect(markup).toContain('<span class="other">b</span>')
    expect(markup).toContain('2.5 bits a token in float, 2.6 now')
  })
})

test('words for figures', () => {
  expect([errorText(undefined), errorText(999), errorText(3.14)]).toEqual(['', 'exact', '3.1 dB'])
  expect([0, 1e-7, 0.0004, 0.0123, 0.5].map(smallShare)).toEqual(['0', '< 0.001 %', '0.040 %', '1.23 %', '50.0 %'])
  const unknown = { ...productOf('x', 1, 'a') } as { accumulatedDb?: number } & ProductFacts
  delete (unknown as { accumulatedDb?: number }).accumulatedDb
  expect(worstFirst([unknown, layers[1]!]).at(-1)).toBe(unknown)
})
