import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { load } from '../../src/pipeline/load.ts'
import { openModel } from '../../src/pipeline/open-model.node.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const MODEL = join(DEMO, 'model.onnx')
const IMAGES = join(DEMO, 'test-images.npz')
const folder = lineFolder()
let count = 0
const output = (): string => join(folder.path, `low-bits-${count++}.onnx`)
const FEW = { to: 'int8-static', calib: IMAGES, samples: 40, minAgreement: 0.5 } as const

async function dtypes(path: string): Promise<readonly string[]> {
  const { source, openExternal } = await openModel(path)
  try {
    const { model } = await load(source, openExternal)
    return model.graph.initializers.map(({ dtype }) => dtype)
  } finally {
    await source.close?.()
  }
}

describe('weights of few bits', () => {
  test('4 bits for convolutions: learned from the data, packed, nearer than nearest codes', async () => {
    const path = output()
    const report = await quantize(MODEL, path, { ...FEW, rules: ['op:Conv=int4-channel-sym'], effort: 'fast' })
    const few = report.decisions.filter(({ scheme }) => scheme === 'int4-channel-sym')
    expect(few.length).toBeGreaterThan(1)
    for (const { op, solver, because, sqnrDb } of few) {
      expect([op, solver]).toEqual(['Conv', 'descent'])
      expect(because.text).toMatch(/leave \d+\.\d % of the error/)
      expect(sqnrDb).toBeGreaterThan(10)
    }
    expect((await dtypes(path)).filter((dtype) => dtype === 'i4').length).toBeGreaterThanOrEqual(few.length)
    expect(report.warnings.join('\n')).toMatch(/fewer than 8 bits in the file/)
    expect(report.warnings.join('\n')).toMatch(/100.0 % of the multiply-adds/)
    const plain = await quantize(MODEL, output(), { ...FEW, rules: ['op:Conv=int4-channel-sym'], solver: 'nearest' })
    const cosine = (one: typeof report) => one.verdict?.outputs[0]?.cosine as number
    expect(cosine(report)).toBeGreaterThan(cosine(plain))
    expect(plain.decisions.find(({ scheme }) => scheme === 'int4-channel-sym')?.solver).toBe('nearest')
  })

  test('3 bits by data are a rule of int8-static; elsewhere they are stored; other widths have near names', async () => {
    const path = output()
    const rules = ['first:1=int3-channel-sym']
    const report = await quantize(MODEL, path, { ...FEW, rules, effort: 'fast' })
    expect(report.decisions.filter(({ scheme }) => scheme === 'int3-channel-sym')).toHaveLength(1)
    expect(report.decisions.some(({ scheme }) => scheme === 'int8-channel-sym')).toBe(true)
    const refused = (options: object) => quantize(MODEL, output(), options).catch((thrown: unknown) => thrown)
    expect(await refused({ to: 'int8', rules: ['op:Conv=int3-channel-asym'] })).toMatchObject({ code: 'E_UNSUPPORTED' })
    const stored = await quantize(MODEL, output(), { to: 'int8', rules: ['op:Conv=int3-channel'], noVerify: true })
    expect(
      stored.decisions.some(({ scheme, lowering }) => scheme === 'int3-channel' && lowering === 'onnx/lookup'),
    ).toBe(true)
    expect(await refused({ ...FEW, rules: ['op:Conv=int9-channel-sym'] })).toMatchObject({
      code: 'E_USAGE',
      hint: expect.stringMatching(/int\d-channel-sym/),
    })
  })

  test('learned rounding of 8 bits: asked for by name, kept where outputs come nearer', async () => {
    const report = await quantize(MODEL, output(), { ...FEW, samples: 24, solver: 'adaround', effort: 'fast' })
    expect(report.verdict?.status).toBe('proven')
    expect(report.phases.map(({ name }) => name)).toContain('refine')
    for (const { scheme, solver } of report.decisions.filter(({ action }) => action === 'quantize')) {
      expect(scheme).toBe('int8-channel-sym')
      expect(['adaround', 'descent', 'search']).toContain(solver)
    }
    const elsewhere = quantize(MODEL, output(), { to: 'int8', solver: 'adaround' })
    await expect(elsewhere).rejects.toThrow(/belongs to --to int8-static/)
  })
})
