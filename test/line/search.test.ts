import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { TersorError } from '../../src/errors.ts'
import type { SearchFacts } from '../../src/model/search-facts.ts'
import type { StageEvent } from '../../src/model/tools.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { search } from '../../src/pipeline/search/search-file.node.ts'
import { toRecipe } from '../../src/report/to-recipe.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import {
  constantNodes,
  gemm,
  halfModel,
  ifBodies,
  loopBody,
  lstm,
  oldOperators,
  tied,
} from '../fixtures/line-models.ts'
import { randomFrom } from '../fixtures/quantized-weight.ts'
import { transformer } from '../fixtures/transformer.ts'
import { runFake } from './fake-terminal.ts'

const WORDS = 96
const folder = lineFolder()
const at = (name: string): string => join(folder.path, name)
let model = ''
let calib = ''

beforeAll(async () => {
  model = await folder.write('model.onnx', transformer({ layers: 1, width: 64, heads: 2, inner: 128, words: WORDS }))
  const next = randomFrom(5)
  const ids = BigInt64Array.from({ length: 6 * 16 }, () => BigInt(Math.floor((next() * 0.5 + 0.5) * WORDS * 0.999)))
  calib = at('ids.npz')
  writeFileSync(calib, writeNpz(new Map([['ids', { dtype: 'i64', shape: [6, 16], data: new Uint8Array(ids.buffer) }]])))
})

describe('a budget', () => {
  test('is met by the whole file, spent where it helps, and the same again from the recipe', async () => {
    const output = at('mixed.onnx')
    const report = await search(model, output, { budget: 40_000, calib, solver: 'search', force: true })
    expect(statSync(output).size).toBe(report.output?.bytes)
    expect(report.output?.bytes).toBeLessThanOrEqual(40_000)
    expect(report.output?.bytes).toBeGreaterThan(37_000)
    const { groups, curve, metric, data, leastBytes } = report.search as SearchFacts
    expect([metric, data]).toEqual(['kl', 'given'])
    expect(leastBytes).toBeLessThan(40_000)
    // Projections of one activation go together.
    const together = groups.filter(({ tensors }) => tensors.length > 1)
    expect(together.map(({ tensors }) => tensors)).toEqual([
      ['layer.0.q.weight', 'layer.0.k.weight', 'layer.0.v.weight'],
    ])
    for (const { tensors, chosen } of groups) {
      for (const name of tensors) {
        const decision = report.decisions.find(({ tensor }) => tensor === name)
        expect(decision?.because.text).toMatch(new RegExp(`^search: ${chosen} loses`))
        if (chosen.startsWith('int4')) expect(decision?.scheme).toBe(chosen)
      }
    }
    for (let i = 1; i < curve.length; i++) expect(curve[i]?.loss).toBeLessThan(curve[i - 1]?.loss as number)

    const { rules, to } = toRecipe(report)
    const replayed = at('replayed.onnx')
    await quantize(model, replayed, { ...(to === undefined ? {} : { to }), rules, calib, solver: 'search' })
    expect(readFileSync(replayed).equals(readFileSync(output))).toBe(true)
    const again = await search(model, at('again.onnx'), { budget: 40_000, calib, solver: 'search', threads: 1 })
    expect(readFileSync(at('again.onnx')).equals(readFileSync(output))).toBe(true)
    expect(again.search).toEqual(report.search)
  })

  test('that is larger loses less', async () => {
    const loss = async (budget: number): Promise<number> => {
      const report = await search(model, at(`${budget}.onnx`), { budget, calib, solver: 'search', noVerify: true })
      return report.search?.loss as number
    }
    const [small, large] = [await loss(30_000), await loss(60_000)]
    expect(large).toBeLessThan(small / 4)
  })

  test('leaves alone what a rule has decided', async () => {
    const report = await search(model, at('ruled.onnx'), {
      budget: 60_000,
      calib,
      solver: 'search',
      noVerify: true,
      rules: ['head.weight=keep'],
    })
    const head = report.decisions.find(({ tensor }) => tensor === 'head.weight')
    expect([head?.action, head?.because.code]).toEqual(['keep', 'kept-by-rule'])
    expect(report.search?.groups.some(({ tensors }) => tensors.includes('head.weight'))).toBe(false)
  })

  test('that cannot be met is refused with what is possible, and nothing is written', async () => {
    const output = at('impossible.onnx')
    await expect(search(model, output, { budget: 9000, calib })).rejects.toMatchObject({
      code: 'E_PLAN',
      hint: expect.stringMatching(/^--budget \d+$/),
    })
    expect(existsSync(output)).toBe(false)
  })
})

test('the smallest that loses no more than asked, among results that were made and judged', async () => {
  const report = await search(model, at('within.onnx'), { maxLoss: 0.1, calib, solver: 'search' })
  const { tried = [] } = report.search as SearchFacts
  expect(tried.length).toBeGreaterThan(2)
  expect(report.verdict?.status).toBe('proven')
  expect(report.verdict?.threshold?.found).toBeLessThanOrEqual(0.1)
  // Nothing smaller that was tried would have done.
  for (const { bytes, loss } of tried) if (bytes < (report.output?.bytes as number)) expect(loss).toBeGreaterThan(0.1)
})

test.each([
  ['constants as nodes', constantNodes],
  ['weights stored the other way round', gemm],
  ['bodies of If', ifBodies],
  ['bodies of Loop', loopBody],
  ['a tied head', () => tied('transposed')],
  ['operators before Where', () => oldOperators(7)],
  ['half precision', halfModel],
  ['cells', lstm],
])('%s: half of the bytes', async (name, make) => {
  const path = await folder.write(`${name}.onnx`, make().model)
  const budget = Math.floor(statSync(path).size * 0.75)
  const options = { budget, everything: true, noVerify: true, force: true }
  const report = await search(path, at(`${name}.out.onnx`), options).catch((thrown: TersorError) => thrown)
  // Some have less than that in weights.
  if (report instanceof TersorError) expect(report.code).toBe('E_PLAN')
  else {
    expect(report.output?.bytes).toBeLessThanOrEqual(budget)
    expect(report.search?.groups.length).toBeGreaterThan(0)
  }
})

test('a stop is a stop wherever it comes', async () => {
  for (const phase of ['measure', 'search', 'quantize']) {
    const stop = new AbortController()
    const onEvent = (event: StageEvent): void => {
      if (event.phase === phase) stop.abort()
    }
    const output = at(`stopped-${phase}.onnx`)
    await expect(
      search(model, output, { budget: 40_000, calib, solver: 'search', signal: stop.signal, onEvent }),
    ).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
    expect(existsSync(output)).toBe(false)
  }
})

test.each([
  ['neither', {}],
  ['both', { budget: 1e6, maxLoss: 0.1 }],
  ['a loss without a proof', { maxLoss: 0.1, noVerify: true }],
  ['no bytes', { budget: 0 }],
  ['a loss of more than all', { maxLoss: 2 }],
])('%s is a usage error', async (_, options) => {
  await expect(search(model, undefined, options)).rejects.toMatchObject({ code: 'E_USAGE' })
})

test('the verb: sizes with units, and a recipe beside the result', async () => {
  const { calls, code } = await runFake(['search', 'm.onnx', '--budget', '12MB', '-o', at('o.onnx'), '--force'])
  expect(code).toBe(0)
  expect(calls[0]).toMatchObject({ verb: 'search', words: ['m.onnx', at('o.onnx')], options: { budget: 12e6 } })
})
